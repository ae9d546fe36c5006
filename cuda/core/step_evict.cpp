#include "core/step_evict.h"

#include <algorithm>

namespace rkv {
namespace {

bool drops_by_score(const rkv_plan& plan) { return plan.step_keep > 0 && plan.step_evict != RKV_STEP_OLDEST; }

/// Scores of a layer that are not kept: those of the step alone, and those that are added to another head's.
size_t score_floats(const Session& session, int layer) {
  const rkv_plan& plan = session.plan(layer);
  if (plan.step_evict == RKV_STEP_ATTENTION && plan.agree != RKV_AGREE_LAYER) return 0;
  const LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  size_t floats = 0;
  for (int h = 0; h < session.shape.n_kv_heads; h++) floats += cache.in_place(h) ? cache.slots(h) + 1 : 0;
  return floats;
}

}  // namespace

struct StepEviction::Scored {
  int session, kv_head;
  float* score;      // device [slots]: what this head's queries say
  float* decisive;   // device [slots]: what it goes by; the score of the first such head with AGREE_LAYER
  bool accumulates;  // `score` holds the sum of earlier steps
  bool drops;
};

StepEviction::StepEviction(std::span<Session* const> sessions, std::span<const int32_t> positions)
    : sessions_(sessions), positions_(positions), model_(sessions[0]->model) {
  size_t most = 0;  // layers take turns
  for (int l = 0; l < model_.config.n_layers; l++) {
    size_t floats = 0;
    for (const Session* s : sessions) {
      if (!drops_by_score(s->plan(l))) continue;
      needed_ = true;
      floats += score_floats(*s, l);
    }
    most = std::max(most, floats);
  }
  if (most > 0) score_ = Buffer(model_.ops(), sizeof(float) * most);
}

std::vector<StepEviction::Scored> StepEviction::scored_heads(int layer) const {
  std::vector<Scored> heads;
  float* next = score_.as<float>();
  for (int i = 0; i < static_cast<int>(sessions_.size()); i++) {
    const Session& s = *sessions_[i];
    const rkv_plan& plan = s.plan(layer);
    if (!drops_by_score(plan)) continue;
    const LayerCache& cache = s.layers[static_cast<size_t>(layer)].cache;
    float* shared = nullptr;
    for (int h = 0; h < s.shape.n_kv_heads; h++) {
      if (!cache.in_place(h)) continue;
      const bool drops = cache.slots(h) > plan.step_keep;
      if (plan.step_evict == RKV_STEP_CURRENT && !drops) continue;
      const bool layer_wide = plan.agree == RKV_AGREE_LAYER;
      const bool sums = plan.step_evict == RKV_STEP_ATTENTION && (!layer_wide || shared == nullptr);
      float* score = sums ? cache.attention(h) : next;
      if (!sums) next += cache.slots(h);
      if (layer_wide && shared == nullptr) shared = score;
      heads.push_back({i, h, score, layer_wide ? shared : score, sums, drops});
    }
  }
  return heads;
}

std::vector<int64_t> StepEviction::run(int layer, const float* q) {
  std::vector<int64_t> bytes(sessions_.size(), 0);
  const std::vector<Scored> heads = scored_heads(layer);
  for (const Scored& head : heads) {
    const Session& s = *sessions_[head.session];
    // The keys once more, and the sums.
    bytes[head.session] += static_cast<int64_t>(s.layers[static_cast<size_t>(layer)].cache.slots(head.kv_head)) *
                           static_cast<int64_t>(s.shape.row_bytes() + (head.accumulates ? sizeof(float) : 0));
  }
  vote(heads, layer, q);
  evict(heads, layer);
  return bytes;
}

void StepEviction::vote(std::span<const Scored> heads, int layer, const float* q) {
  const rkv_model_config& c = model_.config;
  for (const DType kv : {RKV_F32, RKV_BF16}) {
    std::vector<VoteHead> votes;
    for (const Scored& head : heads) {
      const Session& s = *sessions_[head.session];
      if (s.shape.kv != kv) continue;
      const LayerCache& cache = s.layers[static_cast<size_t>(layer)].cache;
      const rkv_plan& plan = s.plan(layer);
      const bool max = plan.agree == RKV_AGREE_MAX && plan.step_evict == RKV_STEP_CURRENT;
      const size_t query_head = static_cast<size_t>(head.session) * c.n_heads + head.kv_head * model_.group();
      votes.push_back({cache.head(head.kv_head, false), q + query_head * c.head_dim, c.n_heads * c.head_dim, 1, 0,
                       cache.slots(head.kv_head), max ? VoteSum::kMax : VoteSum::kGroup, head.accumulates, head.score,
                       nullptr});
    }
    if (!votes.empty()) model_.ops().vote(votes, model_.group(), c.head_dim, kv);
  }
  for (const Scored& head : heads) {
    if (head.score == head.decisive) continue;
    const LayerCache& cache = sessions_[head.session]->layers[static_cast<size_t>(layer)].cache;
    model_.ops().add(head.decisive, head.score, cache.slots(head.kv_head));
  }
}

void StepEviction::evict(std::span<const Scored> heads, int layer) {
  // Heads that go by another one's score first: the score itself moves with the rows of its own head.
  for (const bool shares : {true, false}) {
    for (const DType kv : {RKV_F32, RKV_BF16}) {
      std::vector<StepHead> work;
      for (const Scored& head : heads) {
        const Session& s = *sessions_[head.session];
        if (!head.drops || s.shape.kv != kv || (head.score != head.decisive) != shares) continue;
        const rkv_plan& plan = s.plan(layer);
        StepHead step = s.layers[static_cast<size_t>(layer)].cache.step_head(head.kv_head);
        step.score = head.decisive;
        step.moves_score = head.accumulates;
        step.sinks = plan.sinks;
        step.newest = positions_[head.session] + 1 - plan.step_recent;
        work.push_back(step);
      }
      if (!work.empty()) model_.ops().evict_step(work, model_.config.head_dim, kv);
    }
  }
  for (const Scored& head : heads) {
    if (head.drops) sessions_[head.session]->layers[static_cast<size_t>(layer)].cache.drop_last(head.kv_head);
  }
}

}  // namespace rkv
