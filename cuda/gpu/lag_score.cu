// Ranks of tokens within partitions of `lag`, by how widely K and V spread in the range of the next partition.
//
//   score  [n_scored]  f32  out: 0, 1 / lag, .. (lag - 1) / lag; 1 before the partitions and in the last one
//
// In f64 from the ranges on, because neighbours in rank differ by little: sums of another order than the CPU's do not
// change ranks.
//
// Launches: fill   grid (ceil(most / kRowThreads), heads), what has no partition behind it
//           score  grid (most partitions, heads): a block reads two partitions of K and V twice; lag^2 comparisons
// CPU reference: cpu/lag_score.cpp, the same scores.
#include "gpu/lag_score.cuh"

#include <algorithm>
#include <cfloat>

#include "gpu/row_sums.cuh"

namespace rkv::gpu {
namespace {

struct LagParams {
  const KeyScoreHead* heads;
  const CacheView* caches;
  double* work;  // [heads, pitch, 2]: spread and weight of every slot
  int64_t pitch;
  int sinks, lag, d;

  /// Partitions that have one behind them.
  __host__ __device__ int scored(int n) const { return max(max(0, n - sinks) / lag - 1, 0); }
};

__global__ void fill_scores_kernel(const LagParams* params) {
  const LagParams& p = *params;
  const KeyScoreHead& head = p.heads[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x * kRowThreads + threadIdx.x), n = p.caches[blockIdx.y].n;
  if (slot >= head.n_scored) return;
  head.score[slot] = p.scored(n) == 0 ? static_cast<float>(slot) / static_cast<float>(n) : 1.0f;
}

/// Least and most of every dim.
struct Range {
  float low[kRowWarps][kMostDims], high[kRowWarps][kMostDims];  // of each warp's rows; then row 0 of all
};

/// @param row  LaneDims row(int slot).
template <class RowOf>
__device__ void find_range(int begin, int end, Range& range, RowOf row) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  float low[kRowStep], high[kRowStep];
#pragma unroll
  for (int j = 0; j < kRowStep; j++) low[j] = FLT_MAX, high[j] = -FLT_MAX;
  for (int slot = begin + warp; slot < end; slot += kRowWarps) {
    const LaneDims next = row(slot);
#pragma unroll
    for (int j = 0; j < kRowStep; j++) low[j] = fminf(low[j], next.x[j]), high[j] = fmaxf(high[j], next.x[j]);
  }
  __syncthreads();  // the range before may still be in use
#pragma unroll
  for (int j = 0; j < kRowStep; j++) {
    range.low[warp][LaneDims::first() + j] = low[j];
    range.high[warp][LaneDims::first() + j] = high[j];
  }
  __syncthreads();
  const int dim = static_cast<int>(threadIdx.x);
  for (int w = 1; w < kRowWarps; w++) {
    range.low[0][dim] = fminf(range.low[0][dim], range.low[w][dim]);
    range.high[0][dim] = fmaxf(range.high[0][dim], range.high[w][dim]);
  }
  __syncthreads();
}

/// Standard deviation over dims of a row taken relative to the range. Whole warp.
__device__ double spread_of(const LaneDims& row, const Range& range, int d) {
  const int first = LaneDims::first();
  double relative[kRowStep], sum = 0, squares = 0;
#pragma unroll
  for (int j = 0; j < kRowStep; j++) {
    const double low = range.low[0][first + j], width = range.high[0][first + j] - low;
    relative[j] = first < d && width > 0 ? (row.x[j] - low) * (1 / width) : 0.0;
    sum += relative[j];
  }
  const double mean = warp_sum(sum) / d;
#pragma unroll
  for (int j = 0; j < kRowStep; j++)
    if (first < d) squares += (relative[j] - mean) * (relative[j] - mean);
  return sqrt(warp_sum(squares) / (d - 1));
}

template <class Rows>
__global__ void __launch_bounds__(kRowThreads) score_lag_kernel(const LagParams* params) {
  RKV_SHARED(Range, range);
  RKV_SHARED(double, warps, [kMaxWarps]);
  const LagParams& p = *params;
  const KeyScoreHead& head = p.heads[blockIdx.y];
  const CacheView& cache = p.caches[blockIdx.y];
  const int from = p.sinks + static_cast<int>(blockIdx.x) * p.lag, warp = static_cast<int>(threadIdx.x) / kWarp;
  if (static_cast<int>(blockIdx.x) >= p.scored(cache.n) || from >= head.n_scored) return;

  double* const spread = p.work + (blockIdx.y * p.pitch + from) * 2;
  double* const weight = spread + p.lag;
  for (const bool keys : {true, false}) {
    const auto row = [&](int slot) {
      const SlotRun& run = *cache.find_run(slot);
      return LaneDims(keys ? Rows::k(run, slot, p.d) : Rows::v(run, slot, p.d), p.d);
    };
    find_range(from + p.lag, from + 2 * p.lag, range, row);
    for (int i = warp; i < p.lag; i += kRowWarps) {
      const double own = spread_of(row(from + i), range, p.d);
      if (threadIdx.x % kWarp == 0) spread[i] = own;
    }
    __syncthreads();
    double top = -DBL_MAX, sum = 0;
    for (int i = threadIdx.x; i < p.lag; i += kRowThreads) top = spread[i] > top ? spread[i] : top;
    top = block_max(top, -DBL_MAX, warps);
    for (int i = threadIdx.x; i < p.lag; i += kRowThreads) sum += exp(spread[i] - top);
    sum = block_sum(sum, warps);
    for (int i = threadIdx.x; i < p.lag; i += kRowThreads)
      weight[i] = (keys ? 0.0 : weight[i]) + exp(spread[i] - top) / sum;
    __syncthreads();
  }
  for (int i = threadIdx.x; i < p.lag && from + i < head.n_scored; i += kRowThreads) {
    int worse = 0;  // of equals the earlier one is the better one
    for (int j = 0; j < p.lag; j++) worse += weight[j] < weight[i] || (weight[j] == weight[i] && j > i);
    head.score[from + i] = static_cast<float>(worse) / static_cast<float>(p.lag);
  }
}

}  // namespace

void lag_score(Launcher& launcher, Scratch& scratch, std::span<const KeyScoreHead> heads, int sinks, int lag, int d,
               DType kv) {
  LagParams params = {};
  params.sinks = sinks, params.lag = lag, params.d = d;
  int most_scored = 0, partitions = 0;
  for (const KeyScoreHead& head : heads) {
    most_scored = std::max(most_scored, head.n_scored);
    partitions = std::max(partitions, params.scored(head.cache.n));
    params.pitch = std::max<int64_t>(params.pitch, head.cache.n);
  }
  const std::vector<CacheView> caches = view_caches(launcher, heads, &KeyScoreHead::cache);
  params.heads = launcher.stage(heads), params.caches = launcher.stage(std::span<const CacheView>(caches));
  params.work = scratch.get<double>(heads.size() * static_cast<size_t>(params.pitch) * 2);
  const auto n_heads = static_cast<unsigned>(heads.size());
  launcher.run(fill_scores_kernel, dim3((most_scored + kRowThreads - 1) / kRowThreads, n_heads), kRowThreads, 0,
               params);
  if (partitions == 0) return;
  with_rows(kv, heads, &KeyScoreHead::cache, [&](auto rows) {
    launcher.run(score_lag_kernel<decltype(rows)>, dim3(partitions, n_heads), kRowThreads, 0, params);
  });
}

}  // namespace rkv::gpu
