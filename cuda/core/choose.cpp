#include "core/choose.h"

#include <algorithm>
#include <cmath>

#include "core/allocate.h"

namespace rkv {
namespace {

constexpr double kCriticalEpsilon = 1e-4;

std::vector<float> scores_of(Ops& ops, const Scores& scores, size_t head, int row) {
  return download_copy<float>(ops, scores.row(head, row), static_cast<size_t>(scores.n_scored[head]));
}

/// CriticalKV (arXiv:2502.03805): how much a token can change the layer's output, [heads][n_scored].
std::vector<std::vector<float>> output_norms(const Session& session, int layer, const Scores& scores) {
  const Model& model = session.model;
  const LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  const Scores norms(model.ops(), scores.kv_heads, scores.n_scored, 1);
  std::vector<ValueHead> heads;
  for (size_t i = 0; i < norms.n_heads(); i++) {
    heads.push_back({cache.head(norms.kv_heads[i], false), norms.n_scored[i], norms.kv_heads[i], norms.row(i)});
  }
  model.ops().output_norms(heads, model.layers[static_cast<size_t>(layer)].wo, model.group(), model.config.head_dim,
                           session.shape.kv);
  std::vector<std::vector<float>> host;
  for (size_t i = 0; i < norms.n_heads(); i++) host.push_back(scores_of(model.ops(), norms, i, 0));
  return host;
}

/// Bring the `places` best to the front: a share of them by pooled score, the others by what they can change.
void critical_to_front(std::vector<Entry>& entries, int places, const rkv_plan& plan, const std::vector<float>& norm) {
  const int share = static_cast<int>(std::floor(as_written(plan.critical) * places));
  const int first = std::max(share, std::min(plan.sinks, places));
  best_to_front(entries, first, plan.tie_by_position != 0);
  std::vector<Entry> rest(entries.begin() + first, entries.end());
  for (Entry& entry : rest) entry.pooled = (entry.pooled + kCriticalEpsilon) * norm[static_cast<size_t>(entry.index)];
  best_to_front(rest, places - first, true);
  std::copy(rest.begin(), rest.end(), entries.begin() + first);
}

}  // namespace

bool is_plain_choice(const rkv_plan& plan, const Scores& scores) {
  return scores.n_rows == 1 && plan.alloc == RKV_ALLOC_UNIFORM && plan.critical <= 0;
}

SlotLists choose_tokens(const Session& session, int layer, const rkv_plan& plan, const Scores& scores, int recent) {
  Ops& ops = session.model.ops();
  std::vector<std::vector<Entry>> entries;  // [heads * rows]
  for (size_t i = 0; i < scores.n_heads(); i++) {
    for (int r = 0; r < scores.n_rows; r++) {
      const std::vector<float> score = scores_of(ops, scores, i, r);
      entries.push_back(pool_scores(score.data(), scores.n_scored[i], plan.sinks, plan.pool, plan.pool_width));
    }
  }
  std::vector<std::vector<float>> norms;
  if (plan.critical > 0) norms = output_norms(session, layer, scores);
  // Plans whose heads compete have one row per head; elsewhere all rows get the same.
  const std::vector<int> places = allocate(plan, entries, plan.keep - recent);
  SlotLists chosen(scores.n_heads());
  for (size_t at = 0; at < entries.size(); at++) {
    const size_t i = at / static_cast<size_t>(scores.n_rows);
    if (plan.critical > 0) {
      critical_to_front(entries[at], places[at], plan, norms[i]);
    } else {
      best_to_front(entries[at], places[at], plan.tie_by_position != 0);
    }
    std::vector<int32_t> slots;
    for (int p = 0; p < places[at]; p++) slots.push_back(entries[at][static_cast<size_t>(p)].index);
    std::sort(slots.begin(), slots.end());
    for (int r = 0; r < recent; r++) slots.push_back(scores.n_scored[i] + r);
    chosen[i].push_back(std::move(slots));
  }
  return chosen;
}

}  // namespace rkv
