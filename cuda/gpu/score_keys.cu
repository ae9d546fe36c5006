// Scores of tokens by what they are, without queries: RKV_SCORE_KEY_NORM, KEY_DIFF and RANDOM; LAG is lag_score.cu's.
//
//   cache  K [n, d]    KV dtype  in runs, perhaps as codes
//   score  [n_scored]  f32       out
//
//   KEY_NORM  -|k|_2 (arXiv:2406.11430)
//   KEY_DIFF  minus the cosine of k and the mean of all normalised keys (arXiv:2504.15364); the mean's length does not
//             matter, so it is normalised itself. Sums of kSumRows keys are f32, and are added in f64, in order
//   RANDOM    a hash of integers, the same numbers everywhere
//
// Launches: a warp per row, grid (ceil(most / kRowWarps), heads); KEY_DIFF sums the keys before, grid (splits, heads).
// CPU reference: cpu/score_keys.cpp. Tolerance 1e-6 relative: other order of sums; RANDOM is exact.
#include <algorithm>

#include "core/random_score.h"
#include "gpu/kernels.h"
#include "gpu/lag_score.cuh"
#include "gpu/row_sums.cuh"

namespace rkv::gpu {
namespace {

struct KeyParams {
  const KeyScoreHead* heads;
  const CacheView* caches;
  SplitSums sums;    // KEY_DIFF: of normalised keys
  float* direction;  // KEY_DIFF: [heads, d], of length 1, or zeros
  int d;
  uint32_t seed;  // RANDOM
  int layer;
};

__device__ float inverse(float norm) { return norm > 0 ? 1.0f / norm : 0.0f; }

template <class Rows>
__global__ void __launch_bounds__(kRowThreads) sum_directions_kernel(const KeyParams* params) {
  const KeyParams& p = *params;
  const CacheView& cache = p.caches[blockIdx.y];
  const int begin = static_cast<int>(blockIdx.x) * kSumRows, end = min(begin + kSumRows, cache.n);
  if (begin >= end) return;
  sum_rows(begin, end, p.d, p.sums.at(blockIdx.y, blockIdx.x), [&](int slot) {
    LaneDims k(Rows::k(*cache.find_run(slot), slot, p.d), p.d);
    const float factor = inverse(k.norm());
#pragma unroll
    for (float& x : k.x) x *= factor;
    return k;
  });
}

__global__ void merge_directions_kernel(const KeyParams* params) {
  RKV_SHARED(double, warps, [kMaxWarps]);
  const KeyParams& p = *params;
  const int head = blockIdx.x, dim = static_cast<int>(threadIdx.x);  // d <= kRowThreads
  const int splits = row_splits(p.caches[head].n);
  const double sum = dim < p.d ? p.sums.total(head, splits, dim) : 0.0;
  const double squares = block_sum(sum * sum, warps);
  if (dim < p.d) p.direction[head * p.d + dim] = squares > 0 ? static_cast<float>(sum / sqrt(squares)) : 0.0f;
}

struct ByNorm {
  static __device__ float score(const KeyParams&, int, const LaneDims& k) { return -k.norm(); }
};
struct ByDirection {
  static __device__ float score(const KeyParams& p, int head, const LaneDims& k) {
    float products = 0;
#pragma unroll
    for (int i = 0; i < kRowStep; i++)
      if (LaneDims::first() < p.d) products = fmaf(k.x[i], p.direction[head * p.d + LaneDims::first() + i], products);
    return warp_sum(products) * -inverse(k.norm());
  }
};

template <class Rows, class By>
__global__ void score_rows_kernel(const KeyParams* params) {
  const KeyParams& p = *params;
  const KeyScoreHead& head = p.heads[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x * kRowWarps + threadIdx.x / kWarp);
  if (slot >= head.n_scored) return;
  const LaneDims k(Rows::k(*p.caches[blockIdx.y].find_run(slot), slot, p.d), p.d);
  const float score = By::score(p, blockIdx.y, k);
  if (threadIdx.x % kWarp == 0) head.score[slot] = score;
}

__global__ void score_random_kernel(const KeyParams* params) {
  const KeyParams& p = *params;
  const KeyScoreHead& head = p.heads[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x * kRowThreads + threadIdx.x);
  if (slot >= head.n_scored) return;
  head.score[slot] = random_score(p.seed, p.layer, head.kv_head, p.caches[blockIdx.y].position_of(slot));
}

dim3 grid_of(int rows, int per_block, size_t heads) {
  return dim3((rows + per_block - 1) / per_block, static_cast<unsigned>(heads));
}

}  // namespace

void score_keys(Launcher& launcher, Scratch& scratch, std::span<const KeyScoreHead> heads, const rkv_plan& plan,
                int layer, int d, DType kv) {
  int most_scored = 0, most = 0;
  for (const KeyScoreHead& head : heads) {
    most_scored = std::max(most_scored, head.n_scored);
    most = std::max(most, head.cache.n);
  }
  if (most_scored == 0) return;
  if (plan.score == RKV_SCORE_LAG) return lag_score(launcher, scratch, heads, plan.sinks, plan.lag, d, kv);

  const std::vector<CacheView> caches = view_caches(launcher, heads, &KeyScoreHead::cache);
  KeyParams params = {};
  params.heads = launcher.stage(heads), params.caches = launcher.stage(std::span<const CacheView>(caches));
  params.d = d, params.seed = plan.seed, params.layer = layer;
  if (plan.score == RKV_SCORE_RANDOM) {
    launcher.run(score_random_kernel, grid_of(most_scored, kRowThreads, heads.size()), kRowThreads, 0, params);
    return;
  }
  const dim3 grid = grid_of(most_scored, kRowWarps, heads.size());
  with_rows(kv, heads, &KeyScoreHead::cache, [&](auto rows) {
    using Rows = decltype(rows);
    if (plan.score == RKV_SCORE_KEY_NORM) {
      launcher.run(score_rows_kernel<Rows, ByNorm>, grid, kRowThreads, 0, params);
      return;
    }
    const int splits = row_splits(most);
    const size_t row = heads.size() * static_cast<size_t>(d);
    params.direction = scratch.get<float>(row * static_cast<size_t>(splits + 1));
    params.sums = {params.direction + row, splits, d};
    launcher.run(sum_directions_kernel<Rows>, dim3(splits, grid.y), kRowThreads, 0, params);
    launcher.run(merge_directions_kernel, grid.y, kRowThreads, 0, params);
    launcher.run(score_rows_kernel<Rows, ByDirection>, grid, kRowThreads, 0, params);
  });
}

}  // namespace rkv::gpu
