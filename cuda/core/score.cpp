#include "core/score.h"

#include <algorithm>

#include "core/expected.h"
#include "core/failure.h"

namespace rkv {
namespace {

std::vector<size_t> row_starts(const std::vector<int>& n_scored, int n_rows) {
  std::vector<size_t> first(1, 0);
  for (const int n : n_scored) first.push_back(first.back() + static_cast<size_t>(n) * n_rows);
  return first;
}

class Scorer {
 public:
  Scorer(const Session& session, int layer, const rkv_plan& plan, const Evidence& evidence, const Scores& scores)
      : model_(session.model),
        ops_(session.model.ops()),
        c_(session.model.config),
        kv_(session.shape.kv),
        cache_(session.layers[static_cast<size_t>(layer)].cache),
        layer_(layer),
        plan_(plan),
        evidence_(evidence),
        scores_(scores) {}

  void score() {
    switch (plan_.score) {
      case RKV_SCORE_VOTES:
        return vote();
      case RKV_SCORE_ATTENTION:
        return copy_attention();
      case RKV_SCORE_EXPECTED:
        return expect();
      default:
        return score_keys();
    }
  }

  void weigh_by_value() {
    std::vector<ValueHead> heads;
    for (size_t i = 0; i < scores_.n_heads(); i++) {
      for (int r = 0; r < scores_.n_rows; r++) {
        heads.push_back({view(i), scores_.n_scored[i], scores_.kv_heads[i], scores_.row(i, r)});
      }
    }
    ops_.weigh_by_value(heads, plan_.value_epsilon, c_.head_dim, kv_);
  }

 private:
  HeadCache view(size_t i) const { return cache_.head(scores_.kv_heads[i], false); }

  void vote() {
    const int group = model_.group(), q_stride = c_.n_heads * c_.head_dim;
    const int window = std::min(plan_.window, evidence_.n_queries);  // a short turn votes with what it has
    const VoteSum sum = plan_.agree == RKV_AGREE_MAX    ? VoteSum::kMax
                        : plan_.agree == RKV_AGREE_HEAD ? VoteSum::kHead
                                                        : VoteSum::kGroup;
    const float* first = evidence_.queries + static_cast<size_t>(evidence_.n_queries - window) * q_stride;
    std::vector<VoteHead> heads;
    for (size_t i = 0; i < scores_.n_heads(); i++) {
      const float* q = first + static_cast<size_t>(scores_.kv_heads[i]) * group * c_.head_dim;
      heads.push_back(
          {view(i), q, q_stride, window, c_.sliding_window, scores_.n_scored[i], sum, false, scores_.row(i), nullptr});
    }
    ops_.vote(heads, group, c_.head_dim, kv_);
  }

  void copy_attention() {
    for (size_t i = 0; i < scores_.n_heads(); i++) {
      const float* attention = cache_.attention(scores_.kv_heads[i]);
      if (attention == nullptr) {
        fail(RKV_E_STATE, "cannot compress: score ATTENTION needs a session with RKV_OBSERVE_ATTENTION (%d) in observe",
             RKV_OBSERVE_ATTENTION);
      }
      ops_.copy(scores_.row(i), attention, sizeof(float) * scores_.n_scored[i]);
    }
  }

  void expect() {
    if (evidence_.moments == nullptr) {
      fail(RKV_E_STATE, "cannot compress: score EXPECTED needs a session with RKV_OBSERVE_QUERIES (%d) in observe",
           RKV_OBSERVE_QUERIES);
    }
    const size_t d = static_cast<size_t>(c_.head_dim), group = static_cast<size_t>(model_.group());
    const ExpectedQueries queries = expected_queries(model_, plan_, evidence_);
    std::vector<ExpectedHead> heads;
    for (size_t i = 0; i < scores_.n_heads(); i++) {
      const size_t first_query_head = scores_.kv_heads[i] * group;
      const float* covariance = nullptr;
      if (plan_.covariance != 0) covariance = queries.covariance.as<float>() + first_query_head * d * d;
      heads.push_back({view(i), scores_.n_scored[i], plan_.sinks, queries.mean.as<float>() + first_query_head * d,
                       covariance, plan_.agree == RKV_AGREE_MAX, scores_.row(i)});
    }
    ops_.expected_score(heads, model_.group(), c_.head_dim, kv_);
  }

  void score_keys() {
    std::vector<KeyScoreHead> heads;
    for (size_t i = 0; i < scores_.n_heads(); i++) {
      heads.push_back({view(i), scores_.n_scored[i], scores_.kv_heads[i], scores_.row(i)});
    }
    ops_.score_keys(heads, plan_, layer_, c_.head_dim, kv_);
  }

  const Model& model_;
  Ops& ops_;
  const rkv_model_config& c_;
  const DType kv_;
  const LayerCache& cache_;
  const int layer_;
  const rkv_plan& plan_;
  const Evidence& evidence_;
  const Scores& scores_;
};

/// Sums over KV heads mean something only where a slot is the same token in all of them.
void check_same_tokens(const Session& session, int layer, const std::vector<int>& kv_heads) {
  const LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  std::vector<int32_t> first;
  for (const int h : kv_heads) {
    std::vector<int32_t> positions = cache.positions(session.model.ops(), h);
    if (h == kv_heads[0])
      first = std::move(positions);
    else if (positions != first) {
      fail(RKV_E_STATE,
           "cannot compress: agree LAYER needs the same tokens in all KV heads: layer %d, KV head %d differs", layer,
           h);
    }
  }
}

/// The first row becomes the sum of all.
void sum_over_layer(const Session& session, Scores& scores) {
  for (size_t i = 1; i < scores.n_heads(); i++) {
    session.model.ops().add(scores.row(0), scores.row(i), scores.n_scored[0]);
  }
  scores.shared = true;
}

}  // namespace

Scores::Scores(Ops& ops, std::vector<int> heads, std::vector<int> n, int rows)
    : kv_heads(std::move(heads)),
      n_scored(std::move(n)),
      n_rows(rows),
      first_(row_starts(n_scored, n_rows)),
      memory_(ops, sizeof(float) * std::max<size_t>(first_.back(), 1)) {}

int recent_tokens(const rkv_plan& plan, int n_queries) {
  return plan.score == RKV_SCORE_VOTES ? std::min({plan.recent, plan.window, n_queries}) : plan.recent;
}

Scores score_tokens(const Session& session, int layer, const rkv_plan& plan, const Evidence& evidence,
                    std::vector<int> kv_heads) {
  if (plan.agree == RKV_AGREE_LAYER) check_same_tokens(session, layer, kv_heads);
  const int recent = recent_tokens(plan, evidence.n_queries);
  std::vector<int> n_scored;
  for (const int h : kv_heads) n_scored.push_back(session.layers[static_cast<size_t>(layer)].cache.slots(h) - recent);
  const bool own_rows = plan.agree == RKV_AGREE_HEAD && plan.score == RKV_SCORE_VOTES;
  Scores scores(session.model.ops(), std::move(kv_heads), std::move(n_scored), own_rows ? session.model.group() : 1);
  Scorer scorer(session, layer, plan, evidence, scores);
  scorer.score();
  if (plan.value_weight != 0) scorer.weigh_by_value();
  if (plan.agree == RKV_AGREE_LAYER) sum_over_layer(session, scores);
  return scores;
}

}  // namespace rkv
