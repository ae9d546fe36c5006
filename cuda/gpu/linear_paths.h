// The ways through linear(), each for up to kMaxTargets projections of one x[n, cols]; n >= 1.
#pragma once

#include <span>

#include "gpu/launcher.h"
#include "gpu/linear_targets.h"
#include "gpu/scratch.h"

namespace rkv::gpu {

constexpr int kGemvTokens = 8;  // rows of x that one pass over the weights serves

/// GEMV for any types and any n, one launch. Row i of y has the same bits for every n.
void linear_rows(Launcher& launcher, const float* x, int n, std::span<const Projection> projections);
/// x and weights as bf16; all projections of one type, bf16 or quantised.
void linear_gemm(Launcher& launcher, Scratch& scratch, const float* x, int n, std::span<const Projection> projections);
/// All in f32; all projections f32 or all f16.
void linear_gemm_f32(Launcher& launcher, const float* x, int n, std::span<const Projection> projections);

}  // namespace rkv::gpu
