#include "core/forward.h"

namespace rkv {

Activations::Activations(Model& model, int n, LinearUse linear_use) : use(linear_use), model_(model) {
  const rkv_model_config& c = model.config;
  const size_t q_cols = static_cast<size_t>(c.n_heads) * c.head_dim;
  const size_t kv_cols = static_cast<size_t>(c.n_kv_heads) * c.head_dim;
  float** const parts[] = {&normed, &q, &k, &v, &attended, &gate, &up, &delta};
  const auto dim = static_cast<size_t>(c.dim), hidden = static_cast<size_t>(c.hidden_dim);
  const size_t cols[] = {dim, q_cols, kv_cols, kv_cols, q_cols, hidden, hidden, dim};
  const auto padded = [&](size_t i) { return (cols[i] * static_cast<size_t>(n) + 15) / 16 * 16; };  // 64-byte rows
  size_t total = 0;
  for (size_t i = 0; i < std::size(cols); i++) total += padded(i);
  memory_ = Buffer(model.ops(), total * sizeof(float));
  model_.work.add(static_cast<int64_t>(memory_.bytes()));
  float* at = memory_.as<float>();
  for (size_t i = 0; i < std::size(cols); i++) *parts[i] = at, at += padded(i);
}

Activations::~Activations() { model_.work.add(-static_cast<int64_t>(memory_.bytes())); }

void project_qkv(Model& model, int layer, const float* x, int n, Activations& act) {
  const rkv_model_config& c = model.config;
  const LayerWeights& w = model.layers[static_cast<size_t>(layer)];
  Ops& ops = model.ops();
  ops.rms_norm(x, w.attn_norm, c.norm_eps, n, c.dim, act.normed);
  const Projection qkv[] = {{&w.wq, w.bq, act.q}, {&w.wk, w.bk, act.k}, {&w.wv, w.bv, act.v}};
  ops.linear(act.normed, n, qkv, act.use);
  if (c.qk_norm != 0) {
    ops.rms_norm(act.q, w.q_norm, c.norm_eps, n * c.n_heads, c.head_dim, act.q);
    ops.rms_norm(act.k, w.k_norm, c.norm_eps, n * c.n_kv_heads, c.head_dim, act.k);
  }
}

RotateShape rotate_shape(const Model& model) {
  const rkv_model_config& c = model.config;
  return {c.n_heads, c.n_kv_heads, c.head_dim, c.rope_dims / 2, c.rope_interleaved != 0};
}

void project_out(Model& model, int layer, const float* attended, int n, float* x, Activations& act) {
  const Projection out[] = {{&model.layers[static_cast<size_t>(layer)].wo, nullptr, act.delta}};
  model.ops().linear(attended, n, out, act.use);
  model.ops().add(x, act.delta, int64_t{n} * model.config.dim);
}

void feed_forward(Model& model, int layer, float* x, int n, Activations& act) {
  const rkv_model_config& c = model.config;
  const LayerWeights& w = model.layers[static_cast<size_t>(layer)];
  Ops& ops = model.ops();
  ops.rms_norm(x, w.ffn_norm, c.norm_eps, n, c.dim, act.normed);
  const Projection gate_up[] = {{&w.gate, nullptr, act.gate}, {&w.up, nullptr, act.up}};
  ops.linear(act.normed, n, gate_up, act.use);
  ops.silu_mul(act.gate, act.up, int64_t{n} * c.hidden_dim);
  const Projection down[] = {{&w.down, nullptr, act.delta}};
  ops.linear(act.gate, n, down, act.use);
  ops.add(x, act.delta, int64_t{n} * c.dim);
}

void project_logits(Model& model, const float* x, int n, float* logits, Activations& act) {
  model.ops().rms_norm(x, model.final_norm, model.config.norm_eps, n, model.config.dim, act.normed);
  const Projection head[] = {{&model.lm_head, nullptr, logits}};
  model.ops().linear(act.normed, n, head, act.use);
}

Buffer make_rope_table(Model& model, const int32_t* positions, int n) {
  const int pairs = model.config.rope_dims / 2;
  Buffer table(model.ops(), sizeof(float) * 2 * static_cast<size_t>(n) * (pairs > 0 ? pairs : 1));
  model.ops().rope_table(positions, n, model.inv_freq.data(), pairs, model.config.rope_attn_factor, table.as<float>());
  return table;
}

}  // namespace rkv
