// Sums of queries and of their products with themselves: the moments behind expected attention (arXiv:2510.00636).
//
//   q     [n, n_heads, d]         f32  before RoPE
//   sums  [n_heads, d + d * d]    f64  in and out: of q, and of q q^T
//
// Every entry is added up by one thread: f32 over kTokens tokens, then f64, which many devices do slowly.
//
// Launch: grid (tiles of 32 x 32 products, heads), block 256, a thread has 2 x 2. d * d multiply-adds per query.
// CPU reference: cpu/observe_queries.cpp. Tolerance 1e-6 relative to the sum of magnitudes: other order of f32 sums.
#include "gpu/kernels.h"
#include "gpu/platform.h"

namespace rkv::gpu {
namespace {

constexpr int kThreads = 256, kTile = 32, kTokens = 32;
constexpr int kAcross = kTile / 2;  // threads

struct ObserveParams {
  const float* q;
  double* sums;
  int n, n_heads, d;
};

/// Dims [first, first + kTile) of the queries of kTokens tokens.
__device__ void load_dims(const ObserveParams& p, int head, int token, int first, float (&to)[kTokens][kTile]) {
  for (int i = threadIdx.x; i < kTokens * kTile; i += kThreads) {
    const int t = token + i / kTile, dim = first + i % kTile;
    const bool exists = t < p.n && dim < p.d;
    to[i / kTile][i % kTile] = exists ? p.q[(int64_t{t} * p.n_heads + head) * p.d + dim] : 0.0f;
  }
}

__global__ void __launch_bounds__(kThreads) observe_queries_kernel(const ObserveParams* params) {
  RKV_SHARED(float, rows, [kTokens][kTile]);
  RKV_SHARED(float, columns, [kTokens][kTile]);
  const ObserveParams& p = *params;
  const int tiles = (p.d + kTile - 1) / kTile, head = blockIdx.y;
  const int first_row = static_cast<int>(blockIdx.x) / tiles * kTile;
  const int first_column = static_cast<int>(blockIdx.x) % tiles * kTile;
  const int row = static_cast<int>(threadIdx.x) / kAcross * 2, column = static_cast<int>(threadIdx.x) % kAcross * 2;
  double* const sum = p.sums + int64_t{head} * p.d * (1 + p.d);
  double* const products = sum + p.d + int64_t{first_row + row} * p.d + first_column + column;
  const bool live = first_row + row < p.d && first_column + column < p.d;  // d is even
  const bool adds = first_column == 0 && threadIdx.x < kTile && first_row + static_cast<int>(threadIdx.x) < p.d;

  double total[2][2] = {}, own = 0;
  for (int token = 0; token < p.n; token += kTokens) {
    __syncthreads();  // the tokens before may still be in use
    load_dims(p, head, token, first_row, rows);
    load_dims(p, head, token, first_column, columns);
    __syncthreads();
    float part[2][2] = {}, own_part = 0;
#pragma unroll 8
    for (int t = 0; t < kTokens; t++) {
      const float a[2] = {rows[t][row], rows[t][row + 1]}, b[2] = {columns[t][column], columns[t][column + 1]};
#pragma unroll
      for (int i = 0; i < 2; i++) part[i][0] = fmaf(a[i], b[0], part[i][0]), part[i][1] = fmaf(a[i], b[1], part[i][1]);
      if (adds) own_part += rows[t][threadIdx.x];
    }
#pragma unroll
    for (int i = 0; i < 2; i++) total[i][0] += part[i][0], total[i][1] += part[i][1];
    own += own_part;
  }
  if (adds) sum[first_row + threadIdx.x] += own;
  for (int i = 0; live && i < 2; i++) {
    products[i * p.d] += total[i][0];
    products[i * p.d + 1] += total[i][1];
  }
}

}  // namespace

void observe_queries(Launcher& launcher, const float* q, int n, int n_heads, int d, double* sums) {
  if (n == 0) return;
  const int tiles = (d + kTile - 1) / kTile;
  launcher.run(observe_queries_kernel, dim3(tiles * tiles, n_heads), kThreads, 0,
               ObserveParams{q, sums, n, n_heads, d});
}

}  // namespace rkv::gpu
