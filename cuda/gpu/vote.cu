// Which prompt tokens the end of the prompt attends to: the scores of SnapKV (arXiv:2404.14469), without an n x n
// matrix.
//
//   q      [window, group, d]  f32       the last queries, q_stride floats from token to token; rows r = (token, head)
//   cache  K [n, d]            KV dtype  in runs
//   score  [n - window]        f32       out: softmax weights of every row, added up over the rows
//
// Every row spreads a softmax over all slots that it may see, the window's own included, so its highest score and sum
// come first: one pass over the keys finds them for stretches of kSplitKeys keys, which are merged in order; a second
// pass adds up the columns. f32 throughout, queries not rounded; a bf16 product would change which tokens are kept. All
// sums have a fixed order: results depend neither on the device nor on the other heads.
//
// Launches: weigh   grid (splits, tiles of 64 rows, heads)  2 * d multiply-adds per row and key, both passes together
//           merge   grid (tiles of kMergeThreads rows, heads)
//           add_up  grid (tiles of 64 keys, heads)
// Reads K twice per 64 rows, mostly from L2. CPU reference: cpu/vote.cpp. Tolerance 1e-5 relative: other order of sums.
#include <algorithm>
#include <cmath>

#include "gpu/cache_view.cuh"
#include "gpu/kernels.h"
#include "gpu/reduce.cuh"
#include "gpu/score_tile.cuh"

namespace rkv::gpu {
namespace {

constexpr int kSplitKeys = 8 * kTileKeys;
constexpr int kMergeThreads = 128;

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
  __device__ int splits_of(int head) const { return (caches[head].n + kSplitKeys - 1) / kSplitKeys; }
};

/// What a block needs of its 64 rows and its 64 keys.
struct Shared {
  ScoreStage stage;
  int oldest[kTileRows], self[kTileRows];  // first position and last slot that a row may see
  int position[kTileKeys];
};

/// Rows [first, first + 64) of a head. @return where loaded_row() is, NULL behind the last one.
__device__ const float* begin_rows(const VoteParams& p, int head, int first, Shared& shared) {
  const VoteHead& h = p.heads[head];
  const CacheView& cache = p.caches[head];
  const int row = first + loaded_row(), token = row / p.group;
  const bool exists = row < p.rows_of(head);
  __syncthreads();  // the rows before may still be in use
  if (threadIdx.x < kTileRows) {
    const int self = cache.n - h.window + token;
    shared.self[threadIdx.x] = exists ? self : -1;
    const bool limited = exists && h.sliding_window != 0;
    shared.oldest[threadIdx.x] = limited ? cache.position_of(self) - h.sliding_window + 1 : INT32_MIN;
  }
  return exists ? h.q + int64_t{token} * h.q_stride + (row - token * p.group) * p.d : nullptr;
}

/// Keys [slot, slot + 64) below `end`. @return where loaded_row() is, NULL behind the last one.
template <class T>
__device__ const T* begin_keys(const VoteParams& p, const CacheView& cache, int slot, int end, Shared& shared) {
  const int own = slot + loaded_row();
  __syncthreads();  // the keys before may still be in use
  if (own >= end) return nullptr;
  const SlotRun* run = cache.find_run(own);
  if (threadIdx.x < kTileKeys) shared.position[threadIdx.x] = run->position[own - run->begin];
  return reinterpret_cast<const T*>(run->k) + int64_t{own - run->begin} * p.d;
}

/// Scores of this thread's rows and keys; -inf where a row may not see a key.
template <class T>
__device__ void score_rows(const VoteParams& p, const float* row, const T* key, int slot, int end, Shared& shared,
                           float (&score)[4][4]) {
  score_tile(row, key, p.d, shared.stage, score);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int self = min(shared.self[tile_row() + i], end - 1) - slot, oldest = shared.oldest[tile_row() + i];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int k = tile_key() + j;
      score[i][j] = k <= self && shared.position[k] >= oldest ? score[i][j] * p.scale : -INFINITY;
    }
  }
}

/// Highest score and sum of weights of 64 rows over the keys of a split.
template <class T>
__global__ void __launch_bounds__(kTileThreads, 3) weigh_votes_kernel(const VoteParams* params) {
  RKV_SHARED(Shared, shared);
  const VoteParams& p = *params;
  const int head = blockIdx.z, first = static_cast<int>(blockIdx.y) * kTileRows;
  const CacheView& cache = p.caches[head];
  const int begin = static_cast<int>(blockIdx.x) * kSplitKeys, end = min(begin + kSplitKeys, cache.n);
  if (first >= p.rows_of(head) || begin >= end) return;

  const float* row = begin_rows(p, head, first, shared);
  float top[4], sum[4] = {};
  for (float& t : top) t = -INFINITY;
  for (int slot = begin; slot < end; slot += kTileKeys) {
    const T* key = begin_keys<T>(p, cache, slot, end, shared);
    float score[4][4];
    score_rows(p, row, key, slot, end, shared, score);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float highest = top[i], fresh = 0;
#pragma unroll
      for (int j = 0; j < 4; j++) highest = fmaxf(highest, score[i][j]);
      const float finite = highest == -INFINITY ? 0.0f : highest;  // nothing seen yet: all weights are 0, not NaN
#pragma unroll
      for (int j = 0; j < 4; j++) fresh += exp2f(score[i][j] - finite);
      sum[i] = fmaf(sum[i], exp2f(top[i] - finite), fresh);
      top[i] = highest;
    }
  }
  RowState* states = p.states_of(head, blockIdx.x) + first;
#pragma unroll
  for (int i = 0; i < 4; i++) {  // 16 threads have the same rows
    const float highest = warp_max<16>(top[i]), finite = highest == -INFINITY ? 0.0f : highest;
    const float total = warp_sum<16>(sum[i] * exp2f(top[i] - finite));
    const int r = tile_row() + i;
    if (tile_key() == 0 && first + r < p.rows_of(head)) states[r] = {highest, total};
  }
}

/// The splits' states brought together into the first one's.
__global__ void merge_votes_kernel(const VoteParams* params) {
  const VoteParams& p = *params;
  const int head = blockIdx.y, row = static_cast<int>(blockIdx.x * kMergeThreads + threadIdx.x);
  if (row >= p.rows_of(head)) return;
  const int splits = p.splits_of(head);
  float top = -INFINITY, sum = 0;
  for (int s = 0; s < splits; s++) top = fmaxf(top, p.states_of(head, s)[row].top);
  for (int s = 0; s < splits; s++) {
    const RowState state = p.states_of(head, s)[row];
    sum = fmaf(state.sum, exp2f(state.top - top), sum);
  }
  p.states_of(head, 0)[row] = {top, 1.0f / sum};
}

/// The votes for 64 keys: sums of 64 rows are added to sums of them, which keeps rounding small.
template <class T>
__global__ void __launch_bounds__(kTileThreads, 3) add_up_votes_kernel(const VoteParams* params) {
  RKV_SHARED(Shared, shared);
  RKV_SHARED(float, column, [kTileRows / 4][kTileKeys]);  // over the four rows of a thread
  const VoteParams& p = *params;
  const int head = blockIdx.y, slot = static_cast<int>(blockIdx.x) * kTileKeys;
  const CacheView& cache = p.caches[head];
  const int end = p.heads[head].n_scored;
  if (slot >= end) return;

  const T* key = begin_keys<T>(p, cache, slot, end, shared);
  const RowState* states = p.states_of(head, 0);
  const int rows = p.rows_of(head);
  float vote = 0;  // of key threadIdx.x
  for (int first = 0; first < rows; first += kTileRows) {
    const float* row = begin_rows(p, head, first, shared);
    float score[4][4], sum[4] = {};
    score_rows(p, row, key, slot, end, shared, score);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int r = first + tile_row() + i;
      const RowState state = r < rows ? states[r] : RowState{0, 0};
#pragma unroll
      for (int j = 0; j < 4; j++) sum[j] = fmaf(exp2f(score[i][j] - state.top), state.sum, sum[j]);
    }
    *reinterpret_cast<float4*>(&column[tile_row() / 4][tile_key()]) = {sum[0], sum[1], sum[2], sum[3]};
    __syncthreads();
    if (threadIdx.x < kTileKeys) {
      float total = 0;
      for (int i = 0; i < kTileRows / 4; i++) total += column[i][threadIdx.x];
      vote += total;
    }
  }
  if (threadIdx.x < kTileKeys && slot + static_cast<int>(threadIdx.x) < end)
    p.heads[head].score[slot + threadIdx.x] = vote;
}

template <class T>
void start(Launcher& launcher, int n_heads, int most_keys, const VoteParams& p) {
  const int row_tiles = (p.rows + kTileRows - 1) / kTileRows;
  launcher.run(weigh_votes_kernel<T>, dim3(p.splits, row_tiles, n_heads), kTileThreads, 0, p);
  launcher.run(merge_votes_kernel, dim3((p.rows + kMergeThreads - 1) / kMergeThreads, n_heads), kMergeThreads, 0, p);
  launcher.run(add_up_votes_kernel<T>, dim3((most_keys + kTileKeys - 1) / kTileKeys, n_heads), kTileThreads, 0, p);
}

}  // namespace

void vote(Launcher& launcher, Scratch& scratch, std::span<const VoteHead> heads, int group, int d, DType kv) {
  constexpr double kLog2E = 1.44269504088896340736;
  VoteParams p = {};
  int most_keys = 0;  // voted on, of any head
  for (const VoteHead& head : heads) {
    most_keys = std::max(most_keys, head.n_scored);
    p.splits = std::max(p.splits, (head.cache.n + kSplitKeys - 1) / kSplitKeys);
    p.rows = std::max(p.rows, head.window * group);
  }
  if (most_keys <= 0 || p.rows == 0) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads, &VoteHead::cache);
  p.heads = launcher.stage(heads);
  p.caches = launcher.stage(std::span<const CacheView>(caches));
  p.states = scratch.get<RowState>(heads.size() * static_cast<size_t>(p.splits) * static_cast<size_t>(p.rows));
  p.group = group, p.d = d;
  p.scale = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(d)));
  const int n_heads = static_cast<int>(heads.size());
  if (kv == RKV_F32)
    start<float>(launcher, n_heads, most_keys, p);
  else
    start<bf16>(launcher, n_heads, most_keys, p);
}

}  // namespace rkv::gpu
