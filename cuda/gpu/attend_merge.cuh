// Decode attention of several warps, then of several splits, made one: always in the same order.
#pragma once

#include "gpu/attend.cuh"

namespace rkv::gpu {

/// Query heads that attend to one list of slots.
struct AttendList {
  CacheView cache;
  const float* q;            // [heads, d]
  const float* q_sinks;      // [heads, d] or NULL: instead of q for candidates below n_sinks; a split of their own
  float* out;                // [heads, d]
  const int32_t* slots;      // NULL: slots from `from` on
  const int32_t* n_written;  // selected: how many there are, which only the device knows; else NULL
  int32_t from, n, heads, splits, n_sinks;
  int32_t first_part;      // splits of the lists before
  const float* mass;       // [heads] or NULL: the share that is not the mean of all V
  const float* value_sum;  // [d]

  /// Tokens of n that meet q_sinks: they come first.
  __device__ int sinks_of(int n) const {
    if (q_sinks == nullptr) return 0;
    if (n_written == nullptr) return min(max(n_sinks - from, 0), n);
    const int end = n_sinks < cache.candidates() ? cache.slot_of(n_sinks) : cache.n;  // slots below it
    int low = 0, high = n;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (slots[middle] < end)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  /// Keep element `dim` of what head h attended to.
  __device__ void put(int h, int dim, int d, float x) const {
    if (mass != nullptr) {
      const float share = (1 - mass[h]) / static_cast<float>(cache.candidates());
      x = mass[h] * x + share * value_sum[dim];
    }
    out[h * d + dim] = x;
  }
};

/// Results of several warps or splits, each: sums of rows [kHeads, kRow], highest scores [kHeads], sums of weights
/// [kHeads].
template <class Shape>
struct Parts {
  static constexpr int kSize = Shape::kHeads * (Shape::kRow + 2);
  const float* data;

  __device__ const float* sum(int part, int element) const { return data + int64_t{part} * kSize + element; }
  __device__ const float* top(int part, int h) const { return sum(part, Shape::kHeads * Shape::kRow + h); }
  __device__ const float* total(int part, int h) const { return sum(part, Shape::kHeads * (Shape::kRow + 1) + h); }
};

/// The block's warps as one, by the whole block: unnormalised to `partial`, or divided by the weights to `out`.
template <class Shape>
__device__ void merge_warps(const Parts<Shape>& warps, const AttendList& list, int d, float* partial) {
  for (int i = threadIdx.x; i < Shape::kHeads * Shape::kRow; i += kAttendThreads) {
    const int h = i / Shape::kRow, dim = i % Shape::kRow;
    float highest = *warps.top(0, h);
    for (int w = 1; w < kAttendWarps; w++) highest = fmaxf(highest, *warps.top(w, h));
    float sum = 0, total = 0;
    for (int w = 0; w < kAttendWarps; w++) {
      const float factor = fast_exp2(*warps.top(w, h) - highest);
      sum = fmaf(factor, *warps.sum(w, i), sum);
      total = fmaf(factor, *warps.total(w, h), total);
    }
    if (partial != nullptr) {
      partial[i] = sum;
      if (dim == 0) partial[Shape::kHeads * Shape::kRow + h] = highest;
      if (dim == 0) partial[Shape::kHeads * (Shape::kRow + 1) + h] = total;
    } else if (h < list.heads && dim < d) {
      list.put(h, dim, d, total == 0 ? 0.0f : sum / total);
    }
  }
}

/// The splits as one, by the whole block; they come from other blocks, past L1. @param weight  Shared, [kHeads,
/// splits].
template <class Shape>
__device__ void merge_splits(const Parts<Shape>& parts, int splits, const AttendList& list, int d, float* weight) {
  RKV_SHARED(float, total, [Shape::kHeads]);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int h = static_cast<int>(threadIdx.x) / kWarp; h < list.heads; h += kAttendWarps) {
    float highest = kLowest;
    for (int s = lane; s < splits; s += kWarp) highest = fmaxf(highest, __ldcg(parts.top(s, h)));
    highest = warp_max(highest);
    float sum = 0;
    for (int s = lane; s < splits; s += kWarp) {
      const float factor = fast_exp2(__ldcg(parts.top(s, h)) - highest);
      weight[h * splits + s] = factor;
      sum = fmaf(factor, __ldcg(parts.total(s, h)), sum);
    }
    sum = warp_sum(sum);
    if (lane == 0) total[h] = sum;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < list.heads * Shape::kRow; i += kAttendThreads) {
    const int h = i / Shape::kRow, dim = i % Shape::kRow;
    if (dim >= d) continue;
    float sum = 0;
#pragma unroll 8
    for (int s = 0; s < splits; s++) sum = fmaf(weight[h * splits + s], __ldcg(parts.sum(s, i)), sum);
    list.put(h, dim, d, total[h] == 0 ? 0.0f : sum / total[h]);
  }
}

}  // namespace rkv::gpu
