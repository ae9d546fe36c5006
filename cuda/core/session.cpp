#include "core/session.h"

#include "core/failure.h"
#include "core/plan.h"

namespace rkv {

Session::Session(Model& m, const rkv_session_options& o)
    : model(m),
      options(o),
      shape{m.config.n_kv_heads, m.config.head_dim, static_cast<DType>(o.kv_dtype)},
      plans(1, dense_plan()),
      layers(static_cast<size_t>(m.config.n_layers)) {
  if (!m.finished()) fail(RKV_E_STATE, "the model is not finished");
  if (o.kv_dtype != RKV_BF16 && o.kv_dtype != RKV_F32) {
    fail(RKV_E_ARG, "session options: kv_dtype must be %d (f32) or %d (bf16): found %d", RKV_F32, RKV_BF16, o.kv_dtype);
  }
  if (o.chunk_tokens < 0) fail(RKV_E_ARG, "session options: chunk_tokens must be >= 0: found %d", o.chunk_tokens);
}

std::unique_ptr<Session> Session::fork() const {
  auto child = std::make_unique<Session>(*this);
  child->stats = {};
  return child;
}

void Session::reset() {
  state = SessionState::kEmpty;
  tokens.clear();
  n_queries = 0;
  plans.assign(1, dense_plan());
  layers.assign(layers.size(), {});
  logits = nullptr;
  selected.clear();
}

int64_t Session::kv_bytes() const {
  int64_t sum = 0;
  for (const LayerState& layer : layers) sum += layer.cache.kv_bytes();
  return sum;
}

int64_t Session::aux_bytes() const {
  int64_t sum = 0;
  for (const LayerState& layer : layers) sum += layer.cache.aux_bytes();
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
  for (const LayerState& layer : layers) {
    out->kv_own_bytes += layer.cache.own_kv_bytes();
    if (layer.queries != nullptr) out->query_bytes += static_cast<int64_t>(layer.queries->bytes());
  }
}

std::vector<int32_t> Session::positions_of(int layer, int kv_head, std::span<const int32_t> slots) const {
  const HeadCache head = layers[static_cast<size_t>(layer)].cache.head(kv_head, false);
  std::vector<int32_t> all(static_cast<size_t>(head.n)), out;
  size_t at = 0;
  for (int r = 0; r < head.n_runs; r++) {
    model.ops().download(all.data() + at, head.runs[r].position, sizeof(int32_t) * head.runs[r].n);
    at += static_cast<size_t>(head.runs[r].n);
  }
  for (const int32_t slot : slots) out.push_back(all[static_cast<size_t>(slot)]);
  return out;
}

std::vector<int32_t> Session::cached_positions(int layer, int kv_head) const {
  const HeadCache head = layers[static_cast<size_t>(layer)].cache.head(kv_head, true);
  std::vector<int32_t> slots(static_cast<size_t>(head.candidates()));
  if (head.index != nullptr) {
    model.ops().download(slots.data(), head.index, sizeof(int32_t) * slots.size());
  } else {
    for (size_t i = 0; i < slots.size(); i++) slots[i] = static_cast<int32_t>(i);
  }
  return positions_of(layer, kv_head, slots);
}

}  // namespace rkv
