// Which tokens queries attend to: the scores of SnapKV (arXiv:2404.14469) and its kin, without an n x n matrix.
//
//   q      [window, group, d]  f32       the last queries, q_stride floats from token to token; rows r = (token, head)
//   cache  K [n, d]            KV dtype  in runs, perhaps as codes
//   score  [n_scored]          f32       out: softmax weights of every row, added up over the window, and over the
//                                        group (kGroup) or the largest of the group's (kMax); kHead: [group, n_scored]
//
// Every row spreads a softmax over all slots that it may see, the window's own included, so its highest score and sum
// come first: one pass over the keys finds them for stretches of kSplitKeys keys, which are merged in order; a second
// pass adds up the columns. f32 throughout, queries not rounded; a bf16 product would change which tokens are kept. All
// sums have a fixed order: results depend neither on the device nor on the other heads.
//
// Launches: weigh   grid (splits, tiles of 64 rows, heads)  2 * d multiply-adds per row and key, both passes together
//           merge   grid (tiles of kMergeThreads rows, heads)
//           add_up  grid (tiles of 64 keys, heads)
// Grids are rounded up to powers of two of splits and tiles of keys: the votes of decode steps repeat while a cache
// grows.
// Reads K twice per 64 rows, mostly from L2. CPU reference: cpu/vote.cpp. Tolerance 1e-5 relative: other order of sums.
#include "gpu/vote.cuh"

#include <algorithm>
#include <bit>
#include <cmath>

#include "gpu/kernels.h"
#include "gpu/reduce.cuh"

namespace rkv::gpu {
namespace {

constexpr int kSplitKeys = 8 * kTileKeys;
constexpr int kMergeThreads = 128;

/// Highest score and sum of weights of 64 rows over the keys of a split.
template <class Rows>
__global__ void __launch_bounds__(kTileThreads, 3) weigh_votes_kernel(const VoteParams* params) {
  RKV_SHARED(VoteShared, shared);
  const VoteParams& p = *params;
  const int head = blockIdx.z, first = static_cast<int>(blockIdx.y) * kTileRows;
  const CacheView& cache = p.caches[head];
  const int begin = static_cast<int>(blockIdx.x) * kSplitKeys, end = min(begin + kSplitKeys, cache.n);
  if (first >= p.rows_of(head) || begin >= end) return;

  const RowOrder order{0, p.group};
  const PlainRow<float> row = begin_rows(p, head, order, first, shared);
  const int last = min(last_seen(p, head, order, first), end - 1);
  float top[4], sum[4] = {};
  for (float& t : top) t = -INFINITY;
  for (int slot = begin; slot <= last; slot += kTileKeys) {
    const typename Rows::Row key = begin_keys<Rows>(p, cache, slot, end, shared);
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
  const int splits = (p.caches[head].n + kSplitKeys - 1) / kSplitKeys;
  float top = -INFINITY, sum = 0;
  for (int s = 0; s < splits; s++) top = fmaxf(top, p.states_of(head, s)[row].top);
  for (int s = 0; s < splits; s++) {
    const RowState state = p.states_of(head, s)[row];
    sum = fmaf(state.sum, exp2f(state.top - top), sum);
  }
  p.states_of(head, 0)[row] = {top, 1.0f / sum};
}

/// The sum of the rows of `order` for key `slot` + threadIdx.x, of the first 64 threads: sums of 64 rows are added to
/// sums of them, which keeps rounding small.
template <class Key>
__device__ float add_up(const VoteParams& p, int head, const RowOrder& order, const Key& key, int slot, int end,
                        VoteShared& shared, float (&column)[kTileRows / 4][kTileKeys]) {
  const RowState* states = p.states_of(head, 0);
  const int rows = order.rows(p.heads[head]);
  float vote = 0;
  for (int first = 0; first < rows; first += kTileRows) {
    if (last_seen(p, head, order, first) < slot) continue;
    const PlainRow<float> row = begin_rows(p, head, order, first, shared);
    float score[4][4], sum[4] = {};
    score_rows(p, row, key, slot, end, shared, score);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int r = first + tile_row() + i;
      const RowState state = r < rows ? states[order.token(r) * p.group + order.query_head(r)] : RowState{0, 0};
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
  return vote;
}

/// The votes for 64 keys.
template <class Rows>
__global__ void __launch_bounds__(kTileThreads, 3) add_up_votes_kernel(const VoteParams* params) {
  RKV_SHARED(VoteShared, shared);
  RKV_SHARED(float, column, [kTileRows / 4][kTileKeys]);  // over the four rows of a thread
  const VoteParams& p = *params;
  const int head = blockIdx.y, slot = static_cast<int>(blockIdx.x) * kTileKeys;
  const VoteHead& h = p.heads[head];
  const int end = h.n_scored, own = slot + static_cast<int>(threadIdx.x);
  if (slot >= end) return;

  const typename Rows::Row key = begin_keys<Rows>(p, p.caches[head], slot, end, shared);
  const bool writes = threadIdx.x < kTileKeys && own < end;
  const auto put = [&](int list, float vote) {
    float* score = h.score + int64_t{list} * h.n_scored + own;
    if (writes) *score = h.add ? *score + vote : vote;
  };
  // One call of add_up(), so that there is one copy of it: two spill on sm_80.
  const int n_summed = h.sum == VoteSum::kGroup ? p.group : 1;
  float most = 0;  // weights are not negative
  for (int query_head = 0; query_head < p.group; query_head += n_summed) {
    const float vote = add_up(p, head, {query_head, n_summed}, key, slot, end, shared, column);
    if (h.sum == VoteSum::kMax)
      most = fmaxf(most, vote);
    else
      put(query_head, vote);
  }
  if (h.sum == VoteSum::kMax) put(0, most);
}

unsigned bucket(int n) { return std::bit_ceil(static_cast<unsigned>(n)); }

}  // namespace

void vote(Launcher& launcher, Scratch& scratch, std::span<const VoteHead> heads, int group, int d, DType kv) {
  constexpr double kLog2E = 1.44269504088896340736;
  VoteParams p = {};
  int most_keys = 0;  // voted on, of any head
  bool diagonals = false;
  for (const VoteHead& head : heads) {
    most_keys = std::max(most_keys, head.n_scored);
    p.splits = std::max(p.splits, (head.cache.n + kSplitKeys - 1) / kSplitKeys);
    p.rows = std::max(p.rows, head.window * group);
    diagonals = diagonals || head.diagonals != nullptr;
  }
  if (most_keys <= 0 || p.rows == 0) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads, &VoteHead::cache);
  p.heads = launcher.stage(heads);
  p.caches = launcher.stage(std::span<const CacheView>(caches));
  p.states = scratch.get<RowState>(heads.size() * static_cast<size_t>(p.splits) * static_cast<size_t>(p.rows));
  p.group = group, p.d = d;
  p.scale = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(d)));
  const auto n_heads = static_cast<unsigned>(heads.size());
  const unsigned row_tiles = (p.rows + kTileRows - 1) / kTileRows;
  with_rows(kv, heads, &VoteHead::cache, [&](auto rows) {
    using Rows = decltype(rows);
    launcher.run(weigh_votes_kernel<Rows>, dim3(bucket(p.splits), row_tiles, n_heads), kTileThreads, 0, p);
    launcher.run(merge_votes_kernel, dim3((p.rows + kMergeThreads - 1) / kMergeThreads, n_heads), kMergeThreads, 0, p);
    launcher.run(add_up_votes_kernel<Rows>, dim3(bucket((most_keys + kTileKeys - 1) / kTileKeys), n_heads),
                 kTileThreads, 0, p);
  });
  if (diagonals) vote_diagonals(launcher, heads, p, kv);
}

}  // namespace rkv::gpu
