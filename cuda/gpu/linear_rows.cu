// Projections of few rows of x: GEMV, bound by reading the weights.
//
//   x  [n, cols]       f32, exact: no rounding of activations
//   W  [rows, cols]    packed, any type, of up to 4 projections
//   y  [n, rows]       f32 out, per projection
//
// A warp takes 2 or 4 rows of W at a time, so that x is read from shared memory once for them; its lanes take units of
// 16 bytes of codes side by side and load the next ones before they multiply. All rows of x (up to 8) go over a unit
// while it is in registers: the weights are read once. A lane adds its units in ascending order, whatever n, and lanes
// are summed as a tree: row i of y has the same bits for every n and every place in x.
//
// x goes through shared memory in stretches of 8192 / kTokens numbers a row.
//
// Launch: grid (groups of 8 rows of x, tiles of 8 * kRows rows of all projections): the groups innermost, to share the
// weights in L2; block 256; 36 KB shared or less. Reads every weight once per group. CPU reference: cpu/linear.cpp
// on dequantised weights, 1e-5: other order of sums. (The CPU's own decode rounds x.)
#include "gpu/linear_paths.h"
#include "gpu/linear_rows.cuh"

namespace rkv::gpu {
namespace {

using RowsParams = LinearParams<float>;

/// Rows of W that a warp takes. More for many tokens, whose reads of x would bind otherwise.
template <int kTokens>
constexpr int kWarpRows = kTokens <= 2 ? 2 : 4;
template <int kTokens>
constexpr int kTileRows = kRowsWarps* kWarpRows<kTokens>;

template <class Format, int kTokens>
__device__ __forceinline__ void multiply_tile(const RowsParams& p, const LinearTarget& target, int first_token) {
  constexpr int kRows = kWarpRows<kTokens>;
  constexpr int kStretch = kBlock * XTile<kTokens>::kMaxBlocks;
  RKV_DYNAMIC_SHARED(shared);
  const PackedWeight& w = target.weight;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  // Called again at the end: there is no register to keep it in.
  const auto first_row = [&] {
    const int tile = static_cast<int>(blockIdx.y) - target.first_tile;
    return (tile * kRowsWarps + static_cast<int>(threadIdx.x / kWarp)) * kRows;
  };
  // Warps past the end do the last rows once more, for nothing.
  const int load_row = min(first_row(), (w.rows - 1) / kRows * kRows);
  typename Format::Unit units[kRows], next[kRows];
  const auto load_next = [&](int unit) {
#pragma unroll
    for (int r = 0; r < kRows; r++) next[r] = Format::load(w, w.at(load_row + r, unit));
  };

  int unit = lane;
  if (unit < w.row_units) load_next(unit);  // on its way while x is fetched
  float sums[kRows][kTokens] = {};
  for (int from = 0; from < p.cols; from += kStretch) {
    XTile<kTokens> tile{reinterpret_cast<float*>(shared), (min(p.cols - from, kStretch) + kBlock - 1) / kBlock};
    if (from > 0) __syncthreads();
    tile.fill(p.x, first_token, p.n, p.cols, from);
    cp_async_wait<0>();
    __syncthreads();
    const int end = min(w.row_units, (from + kStretch) / Format::kUnit);
    for (; unit < end; unit += kWarp) {
#pragma unroll
      for (int r = 0; r < kRows; r++) units[r] = next[r];
      // Many tokens have work enough for other warps' loads to hide behind, but no registers to spare.
      const bool more = unit + kWarp < w.row_units;
      if (kTokens <= 2 && more) load_next(unit + kWarp);
      add_units<Format>(units, w.at(load_row, unit), tile, static_cast<unsigned>(unit * Format::kUnit - from),
                        p.n - first_token, sums);
      if (kTokens > 2 && more) load_next(unit + kWarp);
    }
  }

  // Lane r * kTokens + t writes row r of token t.
  float mine = 0;
#pragma unroll
  for (int r = 0; r < kRows; r++) {
#pragma unroll
    for (int t = 0; t < kTokens; t++) {
      const float sum = warp_sum(sums[r][t]);
      if (lane == r * kTokens + t) mine = sum;
    }
  }
  const int row = first_row() + lane / kTokens, token = first_token + lane % kTokens;
  if (lane >= kRows * kTokens || row >= w.rows || token >= p.n) return;
  if (target.bias != nullptr) mine += target.bias[row];
  target.y[static_cast<int64_t>(token) * w.rows + row] = mine;
}

/// Blocks of a multiprocessor that registers must allow: enough loads on their way.
template <int kTokens>
constexpr int kResident = kTokens == 1   ? 4
                          : kTokens == 2 ? 3
                                         : 2;

template <int kTokens>
__global__ void __launch_bounds__(kRowsThreads, kResident<kTokens>) linear_rows_kernel(const RowsParams* params) {
  const RowsParams& p = *params;
  const LinearTarget& target = p.target_of(static_cast<int>(blockIdx.y));
  with_format(target.weight.dtype, [&](auto format) {
    multiply_tile<decltype(format), kTokens>(p, target, static_cast<int>(blockIdx.x) * kTokens);
  });
}

template <int kTokens>
void run(Launcher& launcher, const float* x, int n, std::span<const Projection> projections) {
  const RowsParams params(x, n, projections[0].weight->cols, projections, kTileRows<kTokens>);
  const int blocks = std::min((params.cols + kBlock - 1) / kBlock, XTile<kTokens>::kMaxBlocks);
  const dim3 grid((n + kTokens - 1) / kTokens, params.n_tiles);
  launcher.run(linear_rows_kernel<kTokens>, grid, kRowsThreads, XTile<kTokens>::bytes(blocks), params);
}

}  // namespace

void linear_rows(Launcher& launcher, const float* x, int n, std::span<const Projection> projections) {
  static_assert(kGemvTokens == 8);
  if (n == 1) return run<1>(launcher, x, n, projections);
  if (n == 2) return run<2>(launcher, x, n, projections);
  if (n <= 4) return run<4>(launcher, x, n, projections);
  run<8>(launcher, x, n, projections);
}

}  // namespace rkv::gpu
