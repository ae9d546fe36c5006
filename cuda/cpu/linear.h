// Projections y = x W^T + b over weights in their file layout, which are never expanded as a whole.
//
// Few rows of x (decode) are bound by reading the weights: activations are quantised to int8 and multiplied with the
// blocks in place. Many rows (prefill) are bound by arithmetic: panels of weights are unpacked to bf16 or f32 in a
// worker's L2 cache and multiplied with all rows.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/linear_kernels.h"
#include "cpu/linear_scratch.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Rows of x up to which linear() takes the decode path.
constexpr int kDecodeRows = 16;

/// Every projection of x[n, projections[i].weight->cols]. Picks linear_decode() up to kDecodeRows, else
/// linear_prefill().
void linear(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
            std::span<const Projection> projections);

/// Any n. Row i of the result has the same bits whatever else is in x and however many threads work.
void linear_decode(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                   std::span<const Projection> projections);

/// Any n. Activations are rounded to bf16 for quantised and bf16 weights where the level has a bf16 dot product.
void linear_prefill(ThreadPool& pool, const LinearKernels& kernels, LinearScratch& scratch, const float* x, int n,
                    std::span<const Projection> projections);

}  // namespace rkv::cpu
