// What the kernels of vote() share: tiles of 64 rows of queries and 64 keys, who sees whom, and the softmax of a row.
#pragma once

#include "gpu/cache_view.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {

/// Softmax of a row: weights are 2^(score - top) * share.
struct RowState {
  float top, sum;  // merged: sum is the share, 1 / sum
};

struct VoteParams {
  const VoteHead* heads;
  const CacheView* caches;
  RowState* states;  // [heads, splits, rows]
  int splits, rows;  // at most, of a head
  int group, d;
  float scale;  // makes scores of q.k: exponents of 2

  __device__ RowState* states_of(int head, int split) const { return states + (int64_t{head} * splits + split) * rows; }
  __device__ int rows_of(int head) const { return heads[head].window * group; }
};

/// The rows that a kernel goes through: of every token those of query heads [first, first + n) of the group.
struct RowOrder {
  int first, n;

  __device__ int rows(const VoteHead& head) const { return head.window * n; }
  __device__ int token(int row) const { return row / n; }
  __device__ int query_head(int row) const { return first + row % n; }
};

/// What a block needs of its 64 rows and its 64 keys.
struct VoteShared {
  ScoreStage stage;
  int oldest[kTileRows], self[kTileRows];  // first position and last slot that a row may see
  int position[kTileKeys];
};

/// Rows [first, first + 64) of a head. @return that of loaded_row(), none behind the last one.
__device__ inline PlainRow<float> begin_rows(const VoteParams& p, int head, const RowOrder& order, int first,
                                             VoteShared& shared) {
  const VoteHead& h = p.heads[head];
  const CacheView& cache = p.caches[head];
  const int row = first + loaded_row(), token = order.token(row);
  const bool exists = row < order.rows(h);
  __syncthreads();  // the rows before may still be in use
  if (threadIdx.x < kTileRows) {
    const int self = cache.n - h.window + token;
    shared.self[threadIdx.x] = exists ? self : -1;
    const bool limited = exists && h.sliding_window != 0;
    shared.oldest[threadIdx.x] = limited ? cache.position_of(self) - h.sliding_window + 1 : INT32_MIN;
  }
  return {exists ? h.q + int64_t{token} * h.q_stride + order.query_head(row) * p.d : nullptr};
}

/// The last slot that any of the rows [first, first + 64) sees: tokens come in order.
__device__ inline int last_seen(const VoteParams& p, int head, const RowOrder& order, int first) {
  const VoteHead& h = p.heads[head];
  return p.caches[head].n - h.window + order.token(min(first + kTileRows, order.rows(h)) - 1);
}

/// Keys [slot, slot + 64) below `end`; `slot` may be negative. @return that of loaded_row(), none outside.
template <class Rows>
__device__ typename Rows::Row begin_keys(const VoteParams& p, const CacheView& cache, int slot, int end,
                                         VoteShared& shared) {
  const int own = slot + loaded_row();
  __syncthreads();  // the keys before may still be in use
  if (own < 0 || own >= end) return Rows::none();
  const SlotRun* run = cache.find_run(own);
  if (threadIdx.x < kTileKeys) shared.position[threadIdx.x] = run->position[own - run->begin];
  return Rows::k(*run, own, p.d);
}

/// Scores of this thread's rows and keys; -inf where a row may not see a key, or there is none.
template <class Key>
__device__ void score_rows(const VoteParams& p, const PlainRow<float>& row, const Key& key, int slot, int end,
                           VoteShared& shared, float (&score)[4][4]) {
  score_tile(row, key, p.d, shared.stage, score);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int self = min(shared.self[tile_row() + i], end - 1) - slot, oldest = shared.oldest[tile_row() + i];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int k = tile_key() + j;
      const bool seen = k <= self && k >= -slot && shared.position[k] >= oldest;
      score[i][j] = seen ? score[i][j] * p.scale : -INFINITY;
    }
  }
}

/// vote_diagonals.cu: the sums by distance of the heads that ask for them, once `states` are merged.
void vote_diagonals(Launcher& launcher, std::span<const VoteHead> heads, const VoteParams& params, DType kv);

}  // namespace rkv::gpu
