// The m best of n scores, by one block: higher score first, then lower index.
#pragma once

#include "gpu/reduce.cuh"

namespace rkv::gpu {

constexpr int kSelectThreads = 256;
constexpr int kBins = kSelectThreads;  // of a pass of the search: a thread each

/// Integers in the order of the floats they stand for; 0 and -0 are one.
__device__ __forceinline__ uint32_t order_key(float x) {
  const uint32_t bits = __float_as_uint(x + 0.0f);
  return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
}

/// What the m best keys have in common: they are above `key`, or among the first `ties` that equal it; ties >= 1.
struct Bar {
  uint32_t key;
  int ties;
};

struct BarShared {
  int count[kBins];
  int warps[kMaxWarps];
  int bin, rest;
};

/// The bar of the m best of keys[n], 1 <= m <= n, that lie within [low, high]; the whole block gets it.
///
/// A radix search by 8 bits, over the bits in which keys differ at all: scores of one head share sign and exponent, so
/// the first bins of a plain one would hold nearly all of them, and threads would queue at their counters.
__device__ inline Bar find_bar(const uint32_t* keys, int n, int m, uint32_t low, uint32_t high, BarShared& shared) {
  const int thread = static_cast<int>(threadIdx.x);
  while (low < high) {
    const uint32_t span = high - low;
    const int shift = span < kBins ? 0 : 24 - __clz(static_cast<int>(span));
    __syncthreads();  // `shared` may still be read
    shared.count[thread] = 0;
    __syncthreads();
    for (int i = thread; i < n; i += kSelectThreads) {
      const uint32_t key = keys[i];
      if (key >= low && key <= high) atomicAdd(&shared.count[(key - low) >> shift], 1);
    }
    __syncthreads();
    const int bin = kBins - 1 - thread, own = shared.count[bin];  // from the best on
    int all;
    const int above = block_exclusive_sum(own, shared.warps, &all);
    if (above < m && above + own >= m) shared.bin = bin, shared.rest = m - above;
    __syncthreads();
    m = shared.rest;
    low += static_cast<uint32_t>(shared.bin) << shift;
    high = min(high, low + ((1u << shift) - 1));
  }
  return {low, m};
}

}  // namespace rkv::gpu
