// The parts of a transformer layer that prefill and decode share: everything but attention.
#pragma once

#include <vector>

#include "core/model.h"

namespace rkv {

/// Activations of up to `rows` tokens, reused from layer to layer. All f32.
struct Activations {
  Activations(Model& model, int rows, LinearUse use);
  ~Activations();
  Activations(const Activations&) = delete;
  Activations& operator=(const Activations&) = delete;

  float* normed;     // [rows, dim]
  float *q, *k, *v;  // [rows, n_heads | n_kv_heads, head_dim]
  float* attended;   // [rows, n_heads * head_dim]
  float *gate, *up;  // [rows, hidden_dim]
  float* delta;      // [rows, dim]: what a sub-layer adds to the residual stream

  const LinearUse use;

 private:
  Model& model_;
  Buffer memory_;
};

/// Fill act.q, act.k and act.v from x[n, dim]: norm, projections, QK norm; RoPE comes with the append to the cache.
void project_qkv(Model& model, int layer, const float* x, int n, Activations& act);

RotateShape rotate_shape(const Model& model);

/// x[n, dim] += attended[n, n_heads * head_dim] W_o^T.
void project_out(Model& model, int layer, const float* attended, int n, float* x, Activations& act);

/// x[n, dim] += SwiGLU feed-forward of the normed x.
void feed_forward(Model& model, int layer, float* x, int n, Activations& act);

/// logits[n, vocab_size] of x[n, dim].
void project_logits(Model& model, const float* x, int n, float* logits, Activations& act);

/// cos and sin [n, rope_dims / 2, 2] for positions (host).
Buffer make_rope_table(Model& model, const int32_t* positions, int n);

}  // namespace rkv
