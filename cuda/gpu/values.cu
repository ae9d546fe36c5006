// What tokens carry: scores times the length of V, and the sum of all V.
//
//   score  [n_scored]  f32  in and out: (score + epsilon) * |v|_2
//   sum    [d]         f32  out: over the candidates of a head, SparQ's mean value (arXiv:2312.04985) but for a factor
//
// Launches: weigh  grid (ceil(most / kRowWarps), heads), a warp per row; reads every V once
//           sum    grid splits, then one block that adds them up in order, in f64
// CPU reference: cpu/values.cpp. Tolerance 1e-6 relative: other order of sums.
#include <algorithm>

#include "gpu/kernels.h"
#include "gpu/row_sums.cuh"

namespace rkv::gpu {
namespace {

struct WeighParams {
  const ValueHead* heads;
  const CacheView* caches;
  float epsilon;
  int d;
};

template <class Rows>
__global__ void weigh_by_value_kernel(const WeighParams* params) {
  const WeighParams& p = *params;
  const ValueHead& head = p.heads[blockIdx.y];
  const int slot = static_cast<int>(blockIdx.x * kRowWarps + threadIdx.x / kWarp);
  if (slot >= head.n_scored) return;
  const LaneDims v(Rows::v(*p.caches[blockIdx.y].find_run(slot), slot, p.d), p.d);
  const float norm = v.norm();
  if (threadIdx.x % kWarp == 0) head.score[slot] = (head.score[slot] + p.epsilon) * norm;
}

struct SumParams {
  CacheView cache;
  SplitSums sums;
  float* sum;
};

template <class Rows>
__global__ void __launch_bounds__(kRowThreads) sum_values_kernel(const SumParams* params) {
  const SumParams& p = *params;
  const int begin = static_cast<int>(blockIdx.x) * kSumRows, end = min(begin + kSumRows, p.cache.candidates());
  sum_rows(begin, end, p.sums.d, p.sums.at(0, blockIdx.x), [&](int candidate) {
    const int slot = p.cache.slot_of(candidate);
    return LaneDims(Rows::v(*p.cache.find_run(slot), slot, p.sums.d), p.sums.d);
  });
}

__global__ void merge_sums_kernel(const SumParams* params) {
  const SumParams& p = *params;
  for (int dim = threadIdx.x; dim < p.sums.d; dim += kRowThreads)
    p.sum[dim] = static_cast<float>(p.sums.total(0, p.sums.splits, dim));
}

}  // namespace

void weigh_by_value(Launcher& launcher, std::span<const ValueHead> heads, float epsilon, int d, DType kv) {
  int most = 0;
  for (const ValueHead& head : heads) most = std::max(most, head.n_scored);
  if (most == 0) return;
  const std::vector<CacheView> caches = view_caches(launcher, heads, &ValueHead::cache);
  const WeighParams params{launcher.stage(heads), launcher.stage(std::span<const CacheView>(caches)), epsilon, d};
  const dim3 grid((most + kRowWarps - 1) / kRowWarps, static_cast<unsigned>(heads.size()));
  with_rows(kv, heads, &ValueHead::cache,
            [&](auto rows) { launcher.run(weigh_by_value_kernel<decltype(rows)>, grid, kRowThreads, 0, params); });
}

void sum_values(Launcher& launcher, Scratch& scratch, const HeadCache& cache, int d, DType kv, float* sum) {
  const std::span<const HeadCache> one(&cache, 1);
  const int splits = row_splits(cache.candidates());
  const SumParams params{view_caches(launcher, one)[0],
                         {scratch.get<float>(static_cast<size_t>(splits) * static_cast<size_t>(d)), splits, d},
                         sum};
  with_rows(kv, one, std::identity{}, [&](auto rows) {
    if (splits > 0) launcher.run(sum_values_kernel<decltype(rows)>, splits, kRowThreads, 0, params);
  });
  launcher.run(merge_sums_kernel, 1, kRowThreads, 0, params);
}

}  // namespace rkv::gpu
