// A warp with one row, and a block with the sums of many: what scores of keys and of values are made of.
#pragma once

#include "gpu/kv_row.cuh"
#include "gpu/reduce.cuh"

namespace rkv::gpu {

constexpr int kRowThreads = 256, kRowWarps = kRowThreads / kWarp;
static_assert(kWarp * kRowStep >= kMostDims);

/// This lane's kRowStep dims of a row, zeros behind the last one.
struct LaneDims {
  float x[kRowStep];

  template <class Row>
  __device__ __forceinline__ LaneDims(const Row& row, int d) : x{} {
    if (first() < d) row.load(first(), x);
  }
  static __device__ int first() { return static_cast<int>(threadIdx.x) % kWarp * kRowStep; }
  /// Of the whole row. Whole warp.
  __device__ float norm() const {
    float squares = 0;
#pragma unroll
    for (const float v : x) squares = fmaf(v, v, squares);
    return sqrtf(warp_sum(squares));
  }
};

/// Rows of a KV head to be added up, in stretches of kSumRows whose sums are f32 and are added in f64.
constexpr int kSumRows = 512;
__host__ __device__ constexpr int row_splits(int n) { return (n + kSumRows - 1) / kSumRows; }

/// Where sums of several heads lie: [heads, splits, d].
struct SplitSums {
  float* data;
  int splits, d;

  __device__ float* at(int head, int split) const { return data + (int64_t{head} * splits + split) * d; }
  /// Over the first `n` splits, in order.
  __device__ double total(int head, int n, int dim) const {
    double sum = 0;
    for (int s = 0; s < n; s++) sum += at(head, s)[dim];
    return sum;
  }
};

/// The sum of the rows [begin, end), of all dims, by the whole block. @param row  LaneDims row(int i), scaled as it is
/// to be added; called by whole warps.
template <class RowOf>
__device__ void sum_rows(int begin, int end, int d, float* sum, RowOf row) {
  RKV_SHARED(float, of_warp, [kRowWarps][kMostDims]);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  float own[kRowStep] = {};
  for (int i = begin + warp; i < end; i += kRowWarps) {
    const LaneDims next = row(i);
#pragma unroll
    for (int j = 0; j < kRowStep; j++) own[j] += next.x[j];
  }
#pragma unroll
  for (int j = 0; j < kRowStep; j++) of_warp[warp][LaneDims::first() + j] = own[j];
  __syncthreads();
  for (int dim = threadIdx.x; dim < d; dim += kRowThreads) {
    float total = 0;
    for (int w = 0; w < kRowWarps; w++) total += of_warp[w][dim];
    sum[dim] = total;
  }
}

}  // namespace rkv::gpu
