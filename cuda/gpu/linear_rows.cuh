// Rows of x in shared memory, and one lane's unit of weights times them: the inside of linear_rows.cu.
#pragma once

#include "gpu/dequant.cuh"
#include "gpu/reduce.cuh"

namespace rkv::gpu {

constexpr int kRowsWarps = 8, kRowsThreads = kWarp * kRowsWarps;

/// A stretch of kTokens rows of x, [blocks, kTokens, 32] with four places between blocks: lanes that read 16 bytes
/// each, at distances of 4, 8 or 32 numbers, meet no bank twice.
template <int kTokens>
struct XTile {
  static constexpr int kMaxBlocks = 256 / kTokens;  // of a stretch: 36 KB
  static constexpr int kBlockStride = kBlock * kTokens + 4;
  static constexpr int kFillUnroll = kTokens < 4 ? 4 / kTokens : 1;
  float* x;
  int blocks;

  static constexpr size_t bytes(int blocks) { return size_t{kBlockStride} * blocks * sizeof(float); }

  /// Fill from numbers [from, from + 32 * blocks) of rows [first, n), zeros where there are none. All threads; each has
  /// copies of its own to wait for before the barrier that shows x to all.
  __device__ __forceinline__ void fill(const float* rows, int first, int n, int cols, int from) {
    const float* start = rows + static_cast<int64_t>(first) * cols + from;
    const int live = n - first, left = cols - from, end = kBlock * blocks;
    if (cols % 4 == 0) {  // rows are aligned to 16 bytes then
#pragma unroll kFillUnroll
      for (int k = 4 * static_cast<int>(threadIdx.x); k < end; k += 4 * kRowsThreads) {
        const float* four = start + k;
#pragma unroll
        for (int t = 0; t < kTokens; t++, four += cols) {
          const bool valid = t < live && k < left;
          cp_async<16>(at(t, k), valid ? four : start, valid);
        }
      }
    } else {
#pragma unroll 1
      for (int t = 0; t < kTokens; t++) {
#pragma unroll 1
        for (int k = static_cast<int>(threadIdx.x); k < end; k += kRowsThreads) {
          *at(t, k) = t < live && k < left ? start[static_cast<int64_t>(t) * cols + k] : 0.0f;
        }
      }
    }
    cp_async_commit();
  }

  /// Number k of the stretch.
  __device__ __forceinline__ float* at(int t, unsigned k) const {  // unsigned: divisions are shifts
    return x + k / kBlock * kBlockStride + kBlock * t + k % kBlock;
  }
};

/// sums[r][t] += units[r] times x[t] for units that begin at number k of the tile. `at` is the first one's and serves
/// for all: only its place in eight blocks counts. Multiply-adds are written out, so that every instance rounds alike.
/// @param live  How many tokens there are: some of eight may be missing. Asking also keeps the compiler from loading
///              all of x ahead of its use, for which there are no registers.
template <class Format, int kRows, int kTokens>
__device__ __forceinline__ void add_units(const typename Format::Unit (&units)[kRows], uint32_t at,
                                          const XTile<kTokens>& tile, unsigned k, int live,
                                          float (&sums)[kRows][kTokens]) {
  Scales scales[kRows];
#pragma unroll
  for (int r = 0; r < kRows; r++) scales[r] = Format::scales(units[r], at);
#pragma unroll
  for (int j = 0; j < Format::kUnit / 4; j++) {
    float4 w[kRows];
#pragma unroll
    for (int r = 0; r < kRows; r++) w[r] = Format::values(units[r], j, scales[r]);
#pragma unroll
    for (int t = 0; t < kTokens; t++) {
      if (t >= 4 && t % 2 == 0 && t >= live) break;
      const float4 x = *reinterpret_cast<const float4*>(tile.at(t, k) + 4 * j);
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        float& sum = sums[r][t];
        sum = fmaf(w[r].x, x.x, sum);
        sum = fmaf(w[r].y, x.y, sum);
        sum = fmaf(w[r].z, x.z, sum);
        sum = fmaf(w[r].w, x.w, sum);
      }
    }
  }
}

}  // namespace rkv::gpu
