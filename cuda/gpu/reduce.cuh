// Sums, maxima and prefix sums over a warp or a block: always in the same order, so that results do not vary.
//
// Every lane of the warp, or every thread of the (one-dimensional, whole warps) block, must call them and gets the
// result. `shared` is a place of the caller's for one value per warp; it may be used again at once.
#pragma once

#include "gpu/platform.h"

namespace rkv::gpu {

constexpr int kWarp = 32;
constexpr int kMaxWarps = 32;  // of a block

struct Sum {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};
struct Min {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};

/// `combine` over groups of kLanes neighbouring lanes.
template <int kLanes = kWarp, class T, class Combine>
__device__ __forceinline__ T warp_reduce(T v, Combine combine) {
#pragma unroll
  for (int bit = kLanes / 2; bit > 0; bit /= 2) v = combine(v, __shfl_xor_sync(kFullWarp, v, bit));
  return v;
}
template <int kLanes = kWarp, class T>
__device__ __forceinline__ T warp_sum(T v) {
  return warp_reduce<kLanes>(v, Sum{});
}
template <int kLanes = kWarp, class T>
__device__ __forceinline__ T warp_max(T v) {
  return warp_reduce<kLanes>(v, Max{});
}
template <int kLanes = kWarp, class T>
__device__ __forceinline__ T warp_min(T v) {
  return warp_reduce<kLanes>(v, Min{});
}

/// Sum over the lanes up to this one.
template <class T>
__device__ __forceinline__ T warp_inclusive_sum(T v) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int by = 1; by < kWarp; by *= 2) {
    const T before = __shfl_up_sync(kFullWarp, v, by);
    if (lane >= by) v += before;
  }
  return v;
}

/// @param neutral  What changes nothing in `combine`.
template <class T, class Combine>
__device__ __forceinline__ T block_reduce(T v, T neutral, T* shared, Combine combine) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  v = warp_reduce(v, combine);
  __syncthreads();  // `shared` may still be read for the call before
  if (lane == 0) shared[warp] = v;
  __syncthreads();
  return warp_reduce(lane < static_cast<int>(blockDim.x) / kWarp ? shared[lane] : neutral, combine);
}
template <class T>
__device__ __forceinline__ T block_sum(T v, T* shared) {
  return block_reduce(v, T(0), shared, Sum{});
}
template <class T>
__device__ __forceinline__ T block_max(T v, T lowest, T* shared) {
  return block_reduce(v, lowest, shared, Max{});
}
template <class T>
__device__ __forceinline__ T block_min(T v, T highest, T* shared) {
  return block_reduce(v, highest, shared, Min{});
}

/// Sum over the threads before this one. @param total  Out: over all.
template <class T>
__device__ __forceinline__ T block_exclusive_sum(T v, T* shared, T* total) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const T in_warp = warp_inclusive_sum(v);
  __syncthreads();
  if (lane == kWarp - 1) shared[warp] = in_warp;
  __syncthreads();
  const T of_warps = warp_inclusive_sum(lane < static_cast<int>(blockDim.x) / kWarp ? shared[lane] : T(0));
  const T before = __shfl_sync(kFullWarp, of_warps, warp > 0 ? warp - 1 : 0);
  *total = __shfl_sync(kFullWarp, of_warps, kWarp - 1);
  return (warp > 0 ? before : T(0)) + in_warp - v;
}

}  // namespace rkv::gpu
