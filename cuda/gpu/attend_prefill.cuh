// The parameters of attend_prefill_bf16 and the rows of a block.
#pragma once

#include "gpu/cache_view.cuh"

namespace rkv::gpu {

/// The queries of a KV head are one matrix: row r is query head r % group of token r / group, so that every tile of K
/// and V serves all heads of the group.
struct PrefillParams {
  const CacheView* heads;
  const float* q;  // [n, n_heads, group, d]
  float* out;      // as q
  int n, n_heads, group, d;
  int sliding_window;
  float scale;  // makes scores of q.k: exponents of 2

  /// Grid (heads, tiles of kRows rows): all heads' late rows go first, as they see most.
  __device__ int first_row(int rows) const { return static_cast<int>(gridDim.y - 1 - blockIdx.y) * rows; }
  __device__ int token_of(int row) const { return min(row / group, n - 1); }  // rows behind the last stand in for it
  __device__ bool is_row(int row) const { return row < n * group; }
  /// Of the row in q and out.
  __device__ int64_t offset(int head, int row) const {
    const int token = row / group;
    return (int64_t{token} * n_heads * group + head * group + (row - token * group)) * d;
  }
  /// The slots that a token sees are [first_seen, end_seen).
  __device__ int end_seen(const CacheView& cache, int token) const { return cache.n - n + token + 1; }
  __device__ int first_seen(const CacheView& cache, int token) const {
    if (sliding_window == 0) return 0;
    return cache.first_slot_at(cache.position_of(end_seen(cache, token) - 1) - sliding_window + 1);
  }
};

void attend_prefill_bf16(Launcher& launcher, const PrefillParams& params);

}  // namespace rkv::gpu
