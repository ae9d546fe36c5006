#include "core/compress.h"

#include <algorithm>
#include <numeric>

#include "core/clock.h"
#include "core/failure.h"
#include "core/plan.h"

namespace rkv {
namespace {

/// SnapKV, one choice per KV head (arXiv:2404.14469; RocketKV stage 1): the window votes, the best prompt tokens and
/// the window itself stay. Returns device i32 [n_kv_heads, keep], ascending.
Buffer vote_slots(const Session& session, const LayerCache& cache, const rkv_plan& plan, const float* queries,
                  int n_queries) {
  const rkv_model_config& c = session.model.config;
  Ops& ops = session.model.ops();
  const int group = session.model.group(), d = c.head_dim;
  const int window = std::min(plan.window, n_queries);  // a short turn votes with what it has
  const int n = cache.slots() - window, keep = plan.keep - window;
  const int q_stride = c.n_heads * d;
  Buffer score(ops, sizeof(float) * n * c.n_kv_heads);
  Buffer slots(ops, sizeof(int32_t) * plan.keep * c.n_kv_heads);
  std::vector<VoteHead> votes;
  std::vector<KeepHead> choices;
  for (int h = 0; h < c.n_kv_heads; h++) {
    float* head_score = score.as<float>() + static_cast<size_t>(h) * n;
    const float* q = queries + static_cast<size_t>(n_queries - window) * q_stride + static_cast<size_t>(h) * group * d;
    votes.push_back(
        {cache.head(h, false), q, q_stride, window, c.sliding_window, n, VoteSum::kGroup, false, head_score, nullptr});
    choices.push_back({head_score, n, keep, plan.sinks, plan.pool, plan.pool_width, plan.tie_by_position != 0,
                       slots.as<int32_t>() + static_cast<size_t>(h) * plan.keep});
  }
  ops.vote(votes, group, d, session.shape.kv);
  ops.keep_best(choices);
  std::vector<int32_t> window_slots(static_cast<size_t>(window));
  std::iota(window_slots.begin(), window_slots.end(), n);
  for (int h = 0; h < c.n_kv_heads; h++) {
    ops.upload(slots.as<int32_t>() + static_cast<size_t>(h) * plan.keep + keep, window_slots.data(),
               sizeof(int32_t) * window_slots.size());
  }
  return slots;
}

/// StreamingLLM without shifted positions: the first `sinks` and the most recent tokens.
Buffer recent_slots(const Session& session, const LayerCache& cache, const rkv_plan& plan) {
  std::vector<int32_t> slots(static_cast<size_t>(plan.keep));
  std::iota(slots.begin(), slots.begin() + plan.sinks, 0);
  std::iota(slots.begin() + plan.sinks, slots.end(), cache.slots() - (plan.keep - plan.sinks));
  Buffer device(session.model.ops(), sizeof(int32_t) * slots.size() * session.shape.n_kv_heads);
  for (int h = 0; h < session.shape.n_kv_heads; h++) {
    session.model.ops().upload(device.as<int32_t>() + static_cast<size_t>(h) * plan.keep, slots.data(),
                               sizeof(int32_t) * slots.size());
  }
  return device;
}

}  // namespace

void compress_layer(Session& session, int layer, const rkv_plan& plan, const float* queries, int n_queries) {
  LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  cache.clear_selection();
  if (plan.evict != RKV_EVICT_NONE && cache.slots() > plan.keep) {
    const Buffer slots = plan.evict == RKV_EVICT_SCORE ? vote_slots(session, cache, plan, queries, n_queries)
                                                       : recent_slots(session, cache, plan);
    if (plan.keep_history != 0) {
      cache.set_index(session.model, session.shape, slots.as<int32_t>(), plan.keep);
    } else {
      cache.keep(session.model, session.shape, slots.as<int32_t>(), plan.keep);
    }
  }
  if (plan.select == RKV_SELECT_PAGES) cache.build_pages(session.model, session.shape, plan.page_size);
}

void report_cache(const Session& session, rkv_compress_report* report) {
  report->kept_min = INT32_MAX, report->kept_max = 0;
  for (const LayerState& layer : session.layers) {
    report->kept_min = std::min(report->kept_min, layer.cache.candidates());
    report->kept_max = std::max(report->kept_max, layer.cache.candidates());
  }
  report->bytes_after = session.kv_bytes();
  report->bytes_aux = session.aux_bytes();
}

void compress(Session& session, std::span<const rkv_plan> plans, rkv_compress_report* report) {
  if (session.state != SessionState::kPrefilled) fail(RKV_E_STATE, "cannot compress: the session is not prefilled");
  check_plans(plans, session.model.config);
  const Stopwatch watch;
  const std::vector<LayerState> before = session.layers;  // shares the blocks; put back if memory runs out half way
  if (report != nullptr) report->bytes_before = session.kv_bytes();
  try {
    for (int l = 0; l < session.model.config.n_layers; l++) {
      const Buffer* queries = session.layers[static_cast<size_t>(l)].queries.get();
      compress_layer(session, l, plan_of_layer(plans, l), queries->as<float>(), session.n_queries);
    }
  } catch (...) {
    session.layers = before;
    throw;
  }
  for (LayerState& layer : session.layers) layer.queries = nullptr;
  session.n_queries = 0;
  session.plans.assign(plans.begin(), plans.end());
  session.state = SessionState::kReady;
  session.stats.compress_ns += watch.elapsed_ns();
  if (report != nullptr) report_cache(session, report);
}

}  // namespace rkv
