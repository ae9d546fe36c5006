// Launchers of kernels.cu: small kernels, each with one thing that the emulator must get right.
#pragma once

#include "gpu/platform.h"

namespace rkv::test {

/// out[row] = sum of x[row, 0..n): shuffles and a block-wide reduction. x [rows, n].
cudaError_t sum_rows(const float* x, int rows, int n, float* out, cudaStream_t stream);
/// out[n, m] = x[m, n]^T through a shared tile.
cudaError_t transpose(const float* x, int m, int n, float* out, cudaStream_t stream);
/// *out = sum of x[n]: blocks write partial sums, the last one by ticket adds them. `partial` [blocks], *ticket = 0
/// before and after.
cudaError_t sum_by_ticket(const float* x, int n, int blocks, float* partial, unsigned* ticket, float* out,
                          cudaStream_t stream);
/// c[m, n] = a[m, k] b[n, k]^T, bf16 in and f32 out, m and n multiples of 16, k of 32: ldmatrix, mma, cp.async stages.
cudaError_t multiply(const gpu::bf16* a, const gpu::bf16* b, int m, int n, int k, float* c, cudaStream_t stream);
/// x[i] += delta for i < *count: what a graph replays. count in device memory.
cudaError_t add_to(float* x, const int* count, int capacity, float delta, cudaStream_t stream);

}  // namespace rkv::test
