#include "core/trace.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/failure.h"
#include "core/session.h"

namespace rkv {
namespace {

/// Keys of a KV head's slots (all of them), as f32 [slots, head_dim].
std::vector<float> cached_keys(const Session& session, int layer, int kv_head) {
  Ops& ops = session.model.ops();
  const CacheShape& shape = session.shape;
  const HeadCache cache = session.layers[static_cast<size_t>(layer)].cache.head(kv_head, false);
  const auto n = static_cast<size_t>(cache.n);
  std::vector<int32_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  const Buffer slots = upload_copy(ops, all), positions(ops, slots.bytes());
  const Buffer k(ops, n * shape.row_bytes()), v(ops, n * shape.row_bytes());
  ops.gather(cache, slots.as<int32_t>(), cache.n, shape.head_dim, shape.kv, k.as(), v.as(), positions.as<int32_t>());
  const size_t floats = n * static_cast<size_t>(shape.head_dim);
  if (shape.kv == RKV_F32) return download_copy(ops, k.as<float>(), floats);
  const std::vector<uint16_t> rows = download_copy(ops, k.as<uint16_t>(), floats);
  std::vector<float> keys(floats);
  std::transform(rows.begin(), rows.end(), keys.begin(), bf16_to_f32);
  return keys;
}

std::vector<float> traced_query(const Session& session, const SharedBuffer& queries, size_t head) {
  const auto d = static_cast<size_t>(session.shape.head_dim);
  return download_copy(session.model.ops(), queries->as<float>() + head * d, d);
}

}  // namespace

Candidates candidates_of(const Session& session, int layer, int head) {
  const LayerCache& cache = session.layers[static_cast<size_t>(layer)].cache;
  const int group = session.model.group(), kv_head = head / group;
  const HeadCache view = cache.head(kv_head, true, cache.n_lists() > 1 ? head % group : 0);
  Candidates found;
  if (view.index != nullptr) {
    found.slots = download_copy(session.model.ops(), view.index, static_cast<size_t>(view.n_index));
  } else {
    found.slots.resize(static_cast<size_t>(view.n));
    std::iota(found.slots.begin(), found.slots.end(), 0);
  }
  const std::vector<int32_t> all = cache.positions(session.model.ops(), kv_head);
  std::sort(found.slots.begin(), found.slots.end(), [&](int32_t a, int32_t b) { return all[a] < all[b]; });
  for (const int32_t slot : found.slots) found.positions.push_back(all[static_cast<size_t>(slot)]);
  return found;
}

std::vector<float> step_weights(const Session& session, int layer, int head) {
  const StepTrace& trace = session.trace;
  if (trace.q == nullptr) fail(RKV_E_STATE, "the session has decoded no token");
  if (trace.position != session.n_tokens() - 1) {
    fail(RKV_E_STATE, "the session has decoded no token since its last prefill");
  }
  const rkv_model_config& c = session.model.config;
  const size_t at = static_cast<size_t>(layer) * c.n_heads + head, d = static_cast<size_t>(c.head_dim);
  const std::vector<float> q = traced_query(session, trace.q, at);
  const int n_sinks = trace.n_sinks[at];
  const std::vector<float> q_sinks = n_sinks > 0 ? traced_query(session, trace.q_sinks, at) : q;
  const std::vector<float> keys = cached_keys(session, layer, head / session.model.group());
  const Candidates seen = candidates_of(session, layer, head);

  const int oldest = c.sliding_window > 0 ? trace.position - c.sliding_window + 1 : 0;
  std::vector<double> weights(seen.slots.size(), 0);
  double highest = -INFINITY, sum = 0;
  for (size_t i = 0; i < weights.size(); i++) {
    const float* key = keys.data() + seen.slots[i] * d;
    const std::vector<float>& query = static_cast<int>(i) < n_sinks ? q_sinks : q;
    weights[i] = std::inner_product(query.begin(), query.end(), key, 0.0) / std::sqrt(static_cast<double>(d));
    if (seen.positions[i] < oldest) weights[i] = -INFINITY;
    highest = std::max(highest, weights[i]);
  }
  for (double& w : weights) w = std::exp(w - highest), sum += w;
  std::vector<float> out;
  for (const double w : weights) out.push_back(static_cast<float>(w / sum));
  return out;
}

}  // namespace rkv
