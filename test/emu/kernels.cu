#include "kernels.h"

#include "gpu/intrinsics.h"

namespace rkv::test {

using namespace gpu;

namespace {

__device__ __forceinline__ float warp_sum(float v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kFullWarp, v, offset);
  return v;
}

/// Sum over the block, to all threads. Callers may call it again: the last barrier is for that.
template <int kThreads>
__device__ float block_sum(float v) {
  RKV_SHARED(float, part, [kThreads / 32]);
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = 0;
  for (int w = 0; w < kThreads / 32; w++) v += part[w];
  __syncthreads();
  return v;
}

template <int kThreads>
__global__ void sum_rows_kernel(const float* __restrict__ x, int n, float* __restrict__ out) {
  x += static_cast<size_t>(blockIdx.x) * n;
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += kThreads) sum += x[i];
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

constexpr int kTile = 32, kRows = 8;

__global__ void transpose_kernel(const float* __restrict__ x, int m, int n, float* __restrict__ out) {
  RKV_SHARED(float, tile, [kTile][kTile + 1]);
  const int row = blockIdx.y * kTile, col = blockIdx.x * kTile;
  for (int r = threadIdx.y; r < kTile; r += kRows) {
    if (row + r < m && col + threadIdx.x < n) tile[r][threadIdx.x] = x[(row + r) * n + col + threadIdx.x];
  }
  __syncthreads();
  for (int c = threadIdx.y; c < kTile; c += kRows) {
    if (col + c < n && row + threadIdx.x < m) out[(col + c) * m + row + threadIdx.x] = tile[threadIdx.x][c];
  }
}

template <int kThreads>
__global__ void sum_by_ticket_kernel(const float* __restrict__ x, int n, float* partial, unsigned* ticket, float* out) {
  RKV_SHARED(bool, last, [1]);
  float sum = 0;
  for (int i = blockIdx.x * kThreads + threadIdx.x; i < n; i += gridDim.x * kThreads) sum += x[i];
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    __threadfence();
    last[0] = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!last[0]) return;
  sum = 0;
  for (int i = threadIdx.x; i < gridDim.x; i += kThreads) sum += partial[i];
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) *out = sum;
}

constexpr int kDepth = 32, kStages = 3;  // elements of k per stage

// One warp per 16 x 16 tile of c. Rows of a stage are 64 bytes; their 16-byte columns are swapped by row so that the
// eight rows of an ldmatrix lie in different banks.
__device__ __forceinline__ int swizzle(int row, int column) { return row * kDepth + ((column ^ (row >> 1 & 3)) << 3); }

__global__ void multiply_kernel(const bf16* __restrict__ a, const bf16* __restrict__ b, int n, int k, float* c) {
  RKV_DYNAMIC_SHARED(bytes);
  bf16* stages = reinterpret_cast<bf16*>(bytes);  // [kStages, 2 (a, b), 16, kDepth]
  const int lane = threadIdx.x, row = blockIdx.y * 16, col = blockIdx.x * 16;
  auto load = [&](int stage) {
    if (stage * kDepth < k) {
      bf16* to = stages + stage % kStages * 2 * 16 * kDepth;
      for (int i = lane; i < 16 * kDepth / 8; i += 32) {
        const int r = i / 4, column = i % 4;
        const size_t from = static_cast<size_t>(stage) * kDepth + column * 8;
        cp_async<16>(to + swizzle(r, column), a + static_cast<size_t>(row + r) * k + from);
        cp_async<16>(to + 16 * kDepth + swizzle(r, column), b + static_cast<size_t>(col + r) * k + from);
      }
    }
    cp_async_commit();
  };
  float sum[2][4] = {};
  for (int stage = 0; stage < kStages - 1; stage++) load(stage);
  for (int stage = 0; stage * kDepth < k; stage++) {
    load(stage + kStages - 1);
    cp_async_wait<kStages - 1>();
    __syncwarp();
    const bf16* sa = stages + stage % kStages * 2 * 16 * kDepth;
    const bf16* sb = sa + 16 * kDepth;
    for (int step = 0; step < kDepth / 16; step++) {
      uint32_t fa[4], fb[4];
      ldmatrix_x4(fa, sa + swizzle(lane % 16, step * 2 + lane / 16));
      ldmatrix_x4(fb, sb + swizzle(lane % 8 + lane / 16 * 8, step * 2 + lane / 8 % 2));
      mma_bf16(sum[0], fa, fb[0], fb[1]);
      mma_bf16(sum[1], fa, fb[2], fb[3]);
    }
    __syncwarp();
  }
  cp_async_wait<0>();
  const int g = lane / 4, t = lane % 4 * 2;
  for (int half = 0; half < 2; half++) {
    float* to = c + static_cast<size_t>(row + g) * n + col + half * 8 + t;
    to[0] = sum[half][0];
    to[1] = sum[half][1];
    to[8 * n] = sum[half][2];
    to[8 * n + 1] = sum[half][3];
  }
}

__global__ void add_to_kernel(float* x, const int* count, float delta) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < *count) x[i] += delta;
}

}  // namespace

cudaError_t sum_rows(const float* x, int rows, int n, float* out, cudaStream_t stream) {
  return launch(sum_rows_kernel<128>, rows, 128, 0, stream, x, n, out);
}

cudaError_t transpose(const float* x, int m, int n, float* out, cudaStream_t stream) {
  const dim3 grid((n + kTile - 1) / kTile, (m + kTile - 1) / kTile);
  return launch(transpose_kernel, grid, dim3(kTile, kRows), 0, stream, x, m, n, out);
}

cudaError_t sum_by_ticket(const float* x, int n, int blocks, float* partial, unsigned* ticket, float* out,
                          cudaStream_t stream) {
  return launch(sum_by_ticket_kernel<64>, blocks, 64, 0, stream, x, n, partial, ticket, out);
}

cudaError_t multiply(const bf16* a, const bf16* b, int m, int n, int k, float* c, cudaStream_t stream) {
  const size_t shared_bytes = sizeof(bf16) * kStages * 2 * 16 * kDepth;
  return launch(multiply_kernel, dim3(n / 16, m / 16), 32, shared_bytes, stream, a, b, n, k, c);
}

cudaError_t add_to(float* x, const int* count, int capacity, float delta, cudaStream_t stream) {
  return launch(add_to_kernel, (capacity + 63) / 64, 64, 0, stream, x, count, delta);
}

}  // namespace rkv::test
