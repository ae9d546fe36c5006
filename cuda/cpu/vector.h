// Element-wise ops, norms and rotary embeddings; semantics as in core/ops.h.
//
// Each runs in parallel when there is enough to do, and otherwise on the calling thread: decode of one token never
// wakes anyone. The result has the same bits however many threads work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/numeric.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// y[n, dim] = x / sqrt(mean(x^2) + eps) * weight[dim], row by row; squares are summed in f64. x and y may be the same.
void rms_norm(ThreadPool& pool, CpuLevel level, const float* x, const float* weight, float eps, int n, int dim,
              float* y);

/// x += y.
void add(ThreadPool& pool, CpuLevel level, float* x, const float* y, int64_t count);

/// gate = silu(gate) * up.
void silu_mul(ThreadPool& pool, CpuLevel level, float* gate, const float* up, int64_t count);

/// table[n, pairs, 2] = cos and sin of position * inv_freq, times factor; angles in f64.
void rope_table(ThreadPool& pool, const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                float* table);

/// Rotate x[n, heads, d] in place: dim i with i + pairs, or 2i with 2i + 1; dims from 2 * pairs on stay as they are.
void rope(ThreadPool& pool, CpuLevel level, float* x, int n, int heads, int d, int pairs, bool interleaved,
          const float* table);

/// rows[n, heads, d] to bf16 (nearest, ties to even) or f32, head h to `dst + h * head_stride_bytes`, [n, d] each.
void store_kv(ThreadPool& pool, CpuLevel level, const float* rows, int n, int64_t stride, int d, DType kv, void* dst);

}  // namespace rkv::cpu
