// Projections of many rows of x with f32 or f16 weights: tiled GEMM in f32, which keeps every bit of both.
//
//   x  [n, cols]     f32
//   W  [rows, cols]  f32 or f16, packed
//   y  [n, rows]     f32 out, per projection
//
// A block makes 64 x 64 of y in steps of 16 columns, a thread 4 x 4: tokens side by side, rows 16 apart, so that lanes
// write neighbours. Tiles lie transposed in shared memory; the next ones wait in registers while these are multiplied.
//
// Launch: grid (tiles of rows of all projections) * (tiles of tokens), block 256, 8.5 KB shared.
// CPU reference: cpu/linear.cpp, 1e-5: other order of sums.
#include "gpu/dequant.cuh"
#include "gpu/linear_paths.h"

namespace rkv::gpu {
namespace {

using F32GemmParams = LinearParams<float>;

constexpr int kThreads = 256, kTile = 64, kCols = 16, kLanes = 16;
// A row more than the tile has, in whole float4s: transposed stores meet few banks twice.
constexpr int kPitch = kTile + 4;

/// Numbers [k, k + 4) of a row of x, zeros where there are none.
__device__ __forceinline__ float4 load_x(const F32GemmParams& p, int token, int k) {
  const float* row = p.x + static_cast<int64_t>(min(token, p.n - 1)) * p.cols;
  if (p.cols % 4 == 0 && k < p.cols) return __ldg(reinterpret_cast<const float4*>(row + k));
  const auto or_zero = [&](int i) { return k + i < p.cols ? row[k + i] : 0.0f; };
  return make_float4(or_zero(0), or_zero(1), or_zero(2), or_zero(3));
}

/// Weights [k, k + 4) of a row, which is padded with zeros to 16 bytes.
template <class T>
__device__ __forceinline__ float4 load_w(const PackedWeight& w, int row, int k) {
  using Format = Plain<T>;
  const int unit = k / Format::kUnit;
  if (unit >= w.row_units) return make_float4(0, 0, 0, 0);
  const uint4 four = Format::load(w, w.at(min(row, w.rows - 1), unit));
  if constexpr (Format::kUnit == 4) return Format::values(four, 0, {});
  return k % Format::kUnit == 0 ? Format::values(four, 0, {}) : Format::values(four, 1, {});
}

template <class T>
__global__ void __launch_bounds__(kThreads) linear_gemm_f32_kernel(const F32GemmParams* params) {
  const F32GemmParams& p = *params;
  RKV_SHARED(float, x, [kCols][kPitch]);
  RKV_SHARED(float, w, [kCols][kPitch]);
  const int token_tiles = (p.n + kTile - 1) / kTile;
  const int tile = static_cast<int>(blockIdx.x) / token_tiles;
  const LinearTarget& target = p.target_of(tile);
  const int first_token = static_cast<int>(blockIdx.x) % token_tiles * kTile;
  const int first_row = (tile - target.first_tile) * kTile;

  // This thread's part of loading: four columns of one row of each tile.
  const int load_row = static_cast<int>(threadIdx.x) / 4, load_col = static_cast<int>(threadIdx.x) % 4 * 4;
  float4 next_x, next_w;
  const auto fetch = [&](int from) {
    next_x = load_x(p, first_token + load_row, from + load_col);
    next_w = load_w<T>(target.weight, first_row + load_row, from + load_col);
  };
  const auto store = [&](float(&to)[kCols][kPitch], const float4& v) {
    to[load_col][load_row] = v.x, to[load_col + 1][load_row] = v.y;
    to[load_col + 2][load_row] = v.z, to[load_col + 3][load_row] = v.w;
  };

  // And of multiplying.
  const int row = static_cast<int>(threadIdx.x) % kLanes, token = static_cast<int>(threadIdx.x) / kLanes * 4;
  float sums[4][4] = {};
  fetch(0);
  for (int from = 0; from < p.cols; from += kCols) {
    __syncthreads();
    store(x, next_x);
    store(w, next_w);
    __syncthreads();
    if (from + kCols < p.cols) fetch(from + kCols);
#pragma unroll
    for (int k = 0; k < kCols; k++) {
      const float4 four = *reinterpret_cast<const float4*>(&x[k][token]);
      const float tokens[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float weight = w[k][row + kLanes * j];
#pragma unroll
        for (int i = 0; i < 4; i++) sums[i][j] = fmaf(tokens[i], weight, sums[i][j]);
      }
    }
  }

  const int rows = target.weight.rows;
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int t = first_token + token + i, r = first_row + row + kLanes * j;
      if (t >= p.n || r >= rows) continue;
      const float bias = target.bias != nullptr ? target.bias[r] : 0.0f;
      target.y[static_cast<int64_t>(t) * rows + r] = sums[i][j] + bias;
    }
  }
}

}  // namespace

void linear_gemm_f32(Launcher& launcher, const float* x, int n, std::span<const Projection> projections) {
  const F32GemmParams params(x, n, projections[0].weight->cols, projections, kTile);
  const auto grid = static_cast<unsigned>(params.n_tiles * ((n + kTile - 1) / kTile));
  const bool f32 = projections[0].weight->dtype == RKV_F32;
  launcher.run(f32 ? linear_gemm_f32_kernel<float> : linear_gemm_f32_kernel<f16>, grid, kThreads, 0, params);
}

}  // namespace rkv::gpu
