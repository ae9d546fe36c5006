// Projections of many rows of x: GEMM on tensor cores, x and weights rounded to bf16, sums in f32.
//
//   x  [n, cols]     f32; rounded once into scratch, [n, stride] with zeros behind cols
//   W  [rows, cols]  packed: bf16 is copied as it is, quantised types become bf16 tile by tile and are never expanded
//   y  [n, rows]     f32 out, per projection
//
// A block makes kTokens x 128 of y in steps of 64 columns. Two stages of tiles: while one is multiplied, copies fill
// the other's x (and bf16 weights), and the next packed weights wait in registers to be unpacked into it afterwards.
// One barrier per step. Warps are 2 x 4, each with kTokens / 2 x 32 of y.
//
// Launch: grid (tiles of rows of all projections) * (tiles of tokens), tokens innermost: neighbours share their weights
// in L2; block 256; 64 KB shared (48 for up to 64 tokens). 2 * n * rows * cols FLOP; weights are unpacked n / 128
// times. CPU reference: cpu/linear.cpp. Tolerance 2^-8 of the sum of magnitudes: both factors lose up to 2^-9 of
// themselves.
#include "gpu/linear_gemm.cuh"

#include "gpu/linear_paths.h"

namespace rkv::gpu {
namespace {

using GemmParams = LinearParams<bf16>;

struct RoundParams {
  const float* x;
  bf16* rounded;
  int64_t n_chunks;
  int cols, stride;
};

/// A thread rounds kChunk numbers.
__global__ void __launch_bounds__(kGemmThreads) round_rows_kernel(const RoundParams* params) {
  const RoundParams p = *params;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kGemmThreads + threadIdx.x;
  if (at >= p.n_chunks) return;
  const int per_row = p.stride / kChunk, from = static_cast<int>(at % per_row) * kChunk;
  const float* x = p.x + at / per_row * p.cols + from;
  float v[kChunk] = {};
  if (p.cols % 4 == 0 && from + kChunk <= p.cols) {
    const float4 a = __ldg(reinterpret_cast<const float4*>(x)), b = __ldg(reinterpret_cast<const float4*>(x) + 1);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  } else {
#pragma unroll
    for (int i = 0; i < kChunk; i++) {
      if (from + i < p.cols) v[i] = x[i];
    }
  }
  reinterpret_cast<uint4*>(p.rounded)[at] =
      make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
}

/// y[token, row] and y[token, row + 1], with their biases.
__device__ __forceinline__ void write_pair(const LinearTarget& target, int n, int token, int row, float a, float b) {
  const int rows = target.weight.rows;
  if (token >= n || row >= rows) return;
  float* y = target.y + static_cast<int64_t>(token) * rows + row;
  const bool both = row + 1 < rows;
  if (target.bias != nullptr) {
    a += target.bias[row];
    if (both) b += target.bias[row + 1];
  }
  if (rows % 2 == 0) {  // pairs are aligned then
    *reinterpret_cast<float2*>(y) = make_float2(a, b);
  } else {
    y[0] = a;
    if (both) y[1] = b;
  }
}

template <int kTokens>
constexpr size_t kStageBytes = size_t{kTokens + kTileRows} * kTileCols * sizeof(bf16);

template <class Format, int kTokens>
__global__ void __launch_bounds__(kGemmThreads, 2) linear_gemm_kernel(const GemmParams* params) {
  constexpr int kM = kTokens / 2 / 16, kN = kTileRows / 4 / 8;
  RKV_DYNAMIC_SHARED(shared);
  const GemmParams& p = *params;
  const int token_tiles = (p.n + kTokens - 1) / kTokens;
  const int tile = static_cast<int>(blockIdx.x) / token_tiles;
  const int first_token = static_cast<int>(blockIdx.x) % token_tiles * kTokens;
  const LinearTarget& target = p.target_of(tile);
  const int first_row = (tile - target.first_tile) * kTileRows;

  const auto x_tile = [&](int stage) {
    return BfTile{reinterpret_cast<uint4*>(shared + stage * kStageBytes<kTokens>)};
  };
  const auto w_tile = [&](int stage) { return BfTile{x_tile(stage).chunks + kTokens * kChunks}; };
  WeightTile<Format> weights;
  const auto fetch = [&](int stage, int from) {
    copy_tile<kTokens>(x_tile(stage), reinterpret_cast<const uint4*>(p.x), first_token, p.n, p.stride / kChunk, from);
    weights.fetch(target.weight, w_tile(stage), first_row, from);
    cp_async_commit();
  };

  fetch(0, 0);
  weights.store(w_tile(0));
  const Index lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const Index token = warp / 4 * (kTokens / 2), row = warp % 4 * (kTileRows / 4);
  float sums[kM][kN][4] = {};
  for (int from = 0, stage = 0; from < p.cols; from += kTileCols, stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads();  // this stage is there for all, and nobody reads the other one any more
    const bool more = from + kTileCols < p.cols;
    if (more) fetch(stage ^ 1, from + kTileCols);
    multiply_tiles(x_tile(stage), w_tile(stage), token, row, sums);
    if (more) weights.store(w_tile(stage ^ 1));
  }

#pragma unroll
  for (int m = 0; m < kM; m++) {
#pragma unroll
    for (int n = 0; n < kN; n++) {
      const int t = first_token + static_cast<int>(token + 16 * m + lane / 4);
      const int r = first_row + static_cast<int>(row + 8 * n + lane % 4 * 2);
      write_pair(target, p.n, t, r, sums[m][n][0], sums[m][n][1]);
      write_pair(target, p.n, t + 8, r, sums[m][n][2], sums[m][n][3]);
    }
  }
}

template <class Format, int kTokens>
void run_tiles(Launcher& launcher, const GemmParams& params) {
  const int token_tiles = (params.n + kTokens - 1) / kTokens;
  launcher.run(linear_gemm_kernel<Format, kTokens>, static_cast<unsigned>(params.n_tiles * token_tiles), kGemmThreads,
               2 * kStageBytes<kTokens>, params);
}

template <class Format>
void run(Launcher& launcher, const GemmParams& params) {
  if (params.n <= 64) return run_tiles<Format, 64>(launcher, params);
  run_tiles<Format, 128>(launcher, params);
}

}  // namespace

void linear_gemm(Launcher& launcher, Scratch& scratch, const float* x, int n, std::span<const Projection> projections) {
  const int cols = projections[0].weight->cols, stride = static_cast<int>(round_up(cols, kTileCols));
  const int64_t n_chunks = int64_t{n} * stride / kChunk;
  bf16* rounded = scratch.get<bf16>(static_cast<size_t>(n_chunks * kChunk));
  const RoundParams round = {x, rounded, n_chunks, cols, stride};
  launcher.run(round_rows_kernel, static_cast<unsigned>(round_up(n_chunks, kGemmThreads) / kGemmThreads), kGemmThreads,
               0, round);
  const GemmParams params(rounded, n, stride, projections, kTileRows);
  switch (projections[0].weight->dtype) {
    case RKV_Q8_0:
      return run<Quant<RKV_Q8_0>>(launcher, params);
    case RKV_Q4_0:
      return run<Quant<RKV_Q4_0>>(launcher, params);
    case RKV_Q4_1:
      return run<Quant<RKV_Q4_1>>(launcher, params);
    case RKV_Q5_0:
      return run<Quant<RKV_Q5_0>>(launcher, params);
    case RKV_Q5_1:
      return run<Quant<RKV_Q5_1>>(launcher, params);
    case RKV_Q4_K:
      return run<Quant<RKV_Q4_K>>(launcher, params);
    case RKV_Q5_K:
      return run<Quant<RKV_Q5_K>>(launcher, params);
    case RKV_Q6_K:
      return run<Quant<RKV_Q6_K>>(launcher, params);
    default:
      return run<Plain<bf16>>(launcher, params);
  }
}

}  // namespace rkv::gpu
