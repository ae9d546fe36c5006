// The k-th highest of many integers, eight bits at a time from the top.
#pragma once

#include "gpu/platform.h"
#include "gpu/reduce.cuh"

namespace rkv::gpu {

/// Where the k highest keys end: they are all keys above `value`, and `equal` of those that are `value`.
template <class Key>
struct Threshold {
  Key value;
  int equal;
  bool all;  // all that are `value`
};

struct RadixShared {
  int32_t count[256];
  int32_t digit, wanted;  // where the border lies in the digit, and how many are still wanted of that bin
  int32_t whole;          // whether all of the bin is wanted
};

/// Find the bin, counted from the top, that holds the `wanted`-th key. One warp.
__device__ __forceinline__ void find_bin(RadixShared& shared, int wanted) {
  constexpr int kBins = 256 / kWarp;  // per lane
  const int lane = static_cast<int>(threadIdx.x) % kWarp, top = 255 - lane * kBins;
  int sum = 0;
  for (int i = 0; i < kBins; i++) sum += shared.count[top - i];
  int before = warp_inclusive_sum(sum) - sum;
  if (before >= wanted || before + sum < wanted) return;
  int bin = top;
  while (before + shared.count[bin] < wanted) before += shared.count[bin--];
  shared.digit = bin;
  shared.wanted = wanted - before;
  shared.whole = shared.count[bin] == wanted - before;
}

/// The threshold of the `wanted` highest keys, 1 <= wanted <= keys. Whole block; every thread gets the result.
///
/// Reads all keys once per eight bits, until a bin is wanted whole. Keys crowd in few bins, so the lanes of a warp that
/// hit the same one add to it together. Counts are integers: the order of the additions does not matter.
///
/// @param key  bool key(int i, Key* k): the key of entry i of n, or false if i takes no part.
template <class Key, class KeyOf>
__device__ Threshold<Key> radix_select(int n, int wanted, RadixShared& shared, KeyOf key) {
  constexpr int kBits = 8 * sizeof(Key);
  const int thread = threadIdx.x, lane = thread % kWarp;
  Key known = 0;  // upper digits of the threshold
  for (int shift = kBits - 8; shift >= 0; shift -= 8) {
    for (int i = thread; i < 256; i += blockDim.x) shared.count[i] = 0;
    __syncthreads();
    for (int from = thread - lane; from < n; from += blockDim.x) {
      Key k = 0;
      bool counts = from + lane < n && key(from + lane, &k);
      counts = counts && ((k ^ known) >> shift >> 8) == 0;  // in two steps: a shift by all bits is undefined
      const int digit = static_cast<int>(k >> shift & 255);
      const unsigned same = __match_any_sync(kFullWarp, counts ? digit : 256);
      if (counts && lane == __ffs(same) - 1) atomicAdd(&shared.count[digit], __popc(same));
    }
    __syncthreads();
    if (thread < kWarp) find_bin(shared, wanted);
    __syncthreads();
    known |= static_cast<Key>(shared.digit) << shift;
    wanted = shared.wanted;
    if (shared.whole != 0) break;  // the rest of the digits stays 0: no key of the bin lies below
  }
  return {known, wanted, shared.whole != 0};
}

}  // namespace rkv::gpu
