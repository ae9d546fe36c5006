// Every op of the CUDA backend, one per .cu file of its name; semantics as in core/ops.h, argument by argument.
//
// Pointers are device memory unless core/ops.h says "host". Nothing here waits for the device, except where a
// function says so. `Scratch` arguments hold what a call needs between its kernels.
#pragma once

#include "core/ops.h"
#include "gpu/launcher.h"
#include "gpu/scratch.h"

namespace rkv::gpu {

// pack_weights.cpp: GGUF blocks in an order that the kernels load 16 bytes at a time (weight_layout.h), in as many
// bytes but for padding. Everything below takes weights in this order.

/// Bytes of a packed weight in device memory.
size_t packed_bytes(const Weight& mapped);
/// Host to host.
void pack_weight(const Weight& mapped, uint8_t* packed);

// embed.cu, norm.cu, elementwise.cu
void embed(Launcher& launcher, const Weight& packed, const int32_t* tokens, int n, float* x);  // tokens: host
void rms_norm(Launcher& launcher, const float* x, const float* weight, float eps, int n, int dim, float* y);
void add(Launcher& launcher, float* x, const float* y, int64_t count);
void silu_mul(Launcher& launcher, float* gate, const float* up, int64_t count);
/// A device-to-device copy that can be part of a step.
void copy(Launcher& launcher, void* to, const void* from, size_t bytes);

// linear.cu: GEMV for few rows (linear_rows.cu), mma GEMM for many (linear_gemm.cu)
void linear(Launcher& launcher, Scratch& scratch, const float* x, int n, std::span<const Projection> projections,
            LinearUse use);

// rotate_append.cu: RoPE, K and V to the cache, page bounds of new tokens, in one kernel; rope_table.cu
void rope_table(Launcher& launcher, const int32_t* positions, int n, const double* inv_freq, int pairs, float factor,
                float* table);
void rotate_and_append(Launcher& launcher, const RotateShape& shape, float* q, float* k, int n, const float* table,
                       std::span<const Append> appends, std::span<const PageWork> pages);

// select.cu, attend.cu: one kernel each for a decode step of all heads
void select(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv);
void attend(Launcher& launcher, Scratch& scratch, std::span<DecodeHead> heads, int group, int d, DType kv);

// attend_prefill.cu
void attend_prefill(Launcher& launcher, const float* q, int n, std::span<const HeadCache> heads, int group, int d,
                    DType kv, int sliding_window, float* out);

// attend_rows_f32.cu, block_scores.cu: sparse prefill
void attend_listed(Launcher& launcher, const float* q, int n, std::span<const ListedRows> rows, int n_heads, int d,
                   DType kv, float* out);
void block_scores(Launcher& launcher, Scratch& scratch, const float* q, int n, int first_slot,
                  std::span<const HeadCache> heads, int group, int d, DType kv, float* score);

// evict_step.cu
void evict_step(Launcher& launcher, std::span<const StepHead> heads, int d, DType kv);

// vote.cu, score_keys.cu, values.cu: what tokens are worth
void vote(Launcher& launcher, Scratch& scratch, std::span<const VoteHead> heads, int group, int d, DType kv);
void score_keys(Launcher& launcher, Scratch& scratch, std::span<const KeyScoreHead> heads, const rkv_plan& plan,
                int layer, int d, DType kv);
void weigh_by_value(Launcher& launcher, std::span<const ValueHead> heads, float epsilon, int d, DType kv);
void sum_values(Launcher& launcher, Scratch& scratch, const HeadCache& cache, int d, DType kv, float* sum);

// observe_queries.cu, expected_score.cu, output_norms.cu
void observe_queries(Launcher& launcher, const float* q, int n, int n_heads, int d, double* sums);
void expected_score(Launcher& launcher, Scratch& scratch, std::span<const ExpectedHead> heads, int group, int d,
                    DType kv);
void output_norms(Launcher& launcher, Scratch& scratch, std::span<const ValueHead> heads, const Weight& wo, int group,
                  int d, DType kv);

// keep_best.cu, gather.cu, bounds.cu
void keep_best(Launcher& launcher, Scratch& scratch, std::span<const KeepHead> heads);
void gather(Launcher& launcher, const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
            int32_t* position);
void build_bounds(Launcher& launcher, std::span<const PageWork> work, int d);

// quantise.cu
void quantise(Launcher& launcher, std::span<const QuantHead> heads, int d, DType kv);

// sample.cu: draws into tokens (host) and waits for them
void sample(Launcher& launcher, Scratch& scratch, std::span<const SampleRequest> requests, int vocab_size,
            int32_t* tokens);

}  // namespace rkv::gpu
