// Causal attention in f32 of rows that share the candidates they may see: caches in f32, rows of codes, lists of slots.
#pragma once

#include "gpu/cache_view.cuh"

namespace rkv::gpu {

/// Query heads [first_head, first_head + heads) of the tokens [first_token, first_token + tokens) of a call; row r is
/// head r % heads of token r / heads. They see the candidates of `cache` up to their own slot.
struct QueryRows {
  CacheView cache;
  int32_t first_token, tokens, first_head, heads;
};

/// @param q, out  [n, n_heads, d]
void attend_rows_f32(Launcher& launcher, std::span<const HeadCache> caches, std::vector<QueryRows>& rows,
                     const float* q, int n, int n_heads, int d, DType kv, int sliding_window, float* out);

}  // namespace rkv::gpu
