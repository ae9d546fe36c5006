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
  float* x;
  int blocks;

  static constexpr size_t bytes(int blocks) { return size_t{kBlockStride} * blocks * sizeof(float); }

  /// Fill from numbers [from, from + 32 * blocks) of rows [first, n), zeros where there are none. All threads.
  __device__ void fill(const float* rows, int first, int n, int cols, int from) {
    const int fours = blocks * (kBlock / 4);
#pragma unroll
    for (int t = 0; t < kTokens; t++) {
      const float* row = rows + static_cast<int64_t>(first + t) * cols;
      for (int i = static_cast<int>(threadIdx.x); i < fours; i += kRowsThreads) {
        const float4 v = first + t < n ? load(row, from + 4 * i, cols) : make_float4(0, 0, 0, 0);
        *reinterpret_cast<float4*>(at(t, 4 * i)) = v;
      }
    }
  }

  /// Number k of the stretch, a multiple of 4.
  __device__ __forceinline__ float* at(int t, unsigned k) const {  // unsigned: divisions are shifts
    return x + k / kBlock * kBlockStride + kBlock * t + k % kBlock;
  }

 private:
  static __device__ __forceinline__ float4 load(const float* row, int k, int cols) {
    if (cols % 4 == 0) {  // rows are aligned to 16 bytes then
      return k < cols ? __ldg(reinterpret_cast<const float4*>(row + k)) : make_float4(0, 0, 0, 0);
    }
    const auto or_zero = [&](int i) { return k + i < cols ? row[k + i] : 0.0f; };
    return make_float4(or_zero(0), or_zero(1), or_zero(2), or_zero(3));
  }
};

/// sums[r][t] += units[r] times x[t] for units that begin at number k of the tile. `at` is the first one's and serves
/// for all: only its place in eight blocks counts. Multiply-adds are written out, so that every instance rounds alike.
template <class Format, int kRows, int kTokens>
__device__ __forceinline__ void add_units(const typename Format::Unit (&units)[kRows], uint32_t at,
                                          const XTile<kTokens>& tile, unsigned k, float (&sums)[kRows][kTokens]) {
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
