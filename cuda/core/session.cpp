#include "core/session.h"

#include <algorithm>

#include "core/failure.h"
#include "core/plan.h"

namespace rkv {
namespace {

void check_options(const rkv_session_options& o, int head_dim) {
  if (o.kv_dtype != RKV_BF16 && o.kv_dtype != RKV_F32) {
    fail(RKV_E_ARG, "session options: kv_dtype must be %d (f32) or %d (bf16): found %d", RKV_F32, RKV_BF16, o.kv_dtype);
  }
  if (o.chunk_tokens < 0) fail(RKV_E_ARG, "session options: chunk_tokens must be >= 0: found %d", o.chunk_tokens);
  if ((o.observe & ~(RKV_OBSERVE_ATTENTION | RKV_OBSERVE_QUERIES)) != 0) {
    fail(RKV_E_ARG, "session options: observe must be between 0 and 3: found %d", o.observe);
  }
  if (o.kv_bits == 0) return;
  if (o.kv_bits != 8 && o.kv_bits != 4 && o.kv_bits != 2) {
    fail(RKV_E_ARG, "session options: kv_bits must be 0, 2, 4 or 8: found %d", o.kv_bits);
  }
  if (o.kv_group < 1 || o.kv_residual < 1) {
    fail(RKV_E_ARG, "session options: kv_group and kv_residual must be >= 1: found %d and %d", o.kv_group,
         o.kv_residual);
  }
  if (o.kv_residual % o.kv_group != 0 || head_dim % o.kv_group != 0) {
    fail(RKV_E_ARG, "session options: kv_group must divide kv_residual and head_dim: found %d, %d and %d", o.kv_group,
         o.kv_residual, head_dim);
  }
}

}  // namespace

void check_patterns(std::span<const rkv_pattern> patterns, const rkv_model_config& config) {
  if (patterns.size() > 1 && patterns.size() != static_cast<size_t>(config.n_heads)) {
    fail(RKV_E_ARG, "n_patterns must be 1 or %d: found %zu", config.n_heads, patterns.size());
  }
  for (const rkv_pattern& p : patterns) {
    if (p.kind < RKV_PATTERN_DENSE || p.kind > RKV_PATTERN_BLOCK) {
      fail(RKV_E_ARG, "pattern: kind must be between %d and %d: found %d", RKV_PATTERN_DENSE, RKV_PATTERN_BLOCK,
           p.kind);
    }
    if (p.kind == RKV_PATTERN_DENSE) continue;
    if (config.sliding_window > 0) {
      fail(RKV_E_ARG, "pattern: kind must be %d (dense) for a model with a sliding window: found %d", RKV_PATTERN_DENSE,
           p.kind);
    }
    const bool block = p.kind == RKV_PATTERN_BLOCK;
    if (p.first < (block ? 1 : 0)) fail(RKV_E_ARG, "pattern: first must be >= %d: found %d", block ? 1 : 0, p.first);
    if (!block && p.second < 1) fail(RKV_E_ARG, "pattern: second must be >= 1: found %d", p.second);
  }
}

Session::Session(Model& m, const rkv_session_options& o)
    : model(m),
      options(o),
      shape{m.config.n_kv_heads, m.config.head_dim, static_cast<DType>(o.kv_dtype)},
      plans(1, dense_plan()),
      layers(static_cast<size_t>(m.config.n_layers)),
      patterns(layers.size()) {
  if (!m.finished()) fail(RKV_E_STATE, "the model is not finished");
  check_options(o, m.config.head_dim);
}

void Session::check(std::span<const rkv_plan> new_plans) const {
  check_plans(new_plans, model.config);
  const bool drops = std::any_of(new_plans.begin(), new_plans.end(), [](const rkv_plan& p) { return p.step_keep > 0; });
  // Keys share scales in groups of consecutive slots.
  if (drops && options.kv_bits != 0) fail(RKV_E_ARG, "plan: step_keep cannot be combined with kv_bits of the session");
}

void Session::set_patterns(int layer, std::span<const rkv_pattern> layer_patterns) {
  check_patterns(layer_patterns, model.config);
  patterns[static_cast<size_t>(layer)].assign(layer_patterns.begin(), layer_patterns.end());
}

std::unique_ptr<Session> Session::fork() const {
  auto child = std::make_unique<Session>(*this);
  child->stats = {};
  return child;
}

void Session::reset() {
  state = SessionState::kEmpty;
  tokens.clear();
  n_queries = n_moments = 0;
  plans.assign(1, dense_plan());
  layers.assign(layers.size(), {});
  logits = nullptr;
  trace = {};
}

int64_t Session::kv_bytes() const {
  int64_t sum = 0;
  for (const LayerState& layer : layers) sum += layer.cache.kv_bytes();
  return sum;
}

int64_t Session::aux_bytes() const {
  int64_t sum = 0;
  for (int l = 0; l < model.config.n_layers; l++) {
    const LayerCache& cache = layers[static_cast<size_t>(l)].cache;
    // Sums that steps do not use are what the prefill observed, for the plans of others.
    sum += cache.aux_bytes() + (steps_need_attention(plan(l)) ? cache.attention_bytes() : 0);
  }
  return sum;
}

void Session::fill_stats(rkv_session_stats* out) const {
  const uint32_t size = out->struct_size;
  *out = stats;
  out->struct_size = size;
  out->state = static_cast<int32_t>(state);
  out->n_tokens = n_tokens();
  out->kv_bytes = kv_bytes();
  out->aux_bytes = aux_bytes();
  for (int l = 0; l < model.config.n_layers; l++) {
    const LayerState& layer = layers[static_cast<size_t>(l)];
    out->kv_own_bytes += layer.cache.own_kv_bytes();
    const bool observed = layer.cache.attention(0) != nullptr && !steps_need_attention(plan(l));
    for (int h = 0; observed && h < shape.n_kv_heads; h++) {
      out->query_bytes += static_cast<int64_t>(sizeof(float)) * layer.cache.slots(h);
    }
    for (const SharedBuffer& kept : {layer.queries, layer.moments}) {
      if (kept != nullptr) out->query_bytes += static_cast<int64_t>(kept->bytes());
    }
  }
}

std::vector<int32_t> Session::positions_of(int layer, int kv_head, std::span<const int32_t> slots) const {
  const std::vector<int32_t> all = layers[static_cast<size_t>(layer)].cache.positions(model.ops(), kv_head);
  std::vector<int32_t> positions;
  for (const int32_t slot : slots) positions.push_back(all[static_cast<size_t>(slot)]);
  std::sort(positions.begin(), positions.end());  // slots of heads that drop tokens by score are in no order
  return positions;
}

}  // namespace rkv
