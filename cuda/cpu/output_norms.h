// CriticalKV (arXiv:2502.03805): what a token can change at most in a layer's output.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/linear_kernels.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::output_norms: score[i] = mean over the group's query heads j of |W_o^(j) v_i|_1. In f32.
///
/// W_o^(j) is unpacked to f32 for one KV head at a time: group * dim * d floats of work memory.
void output_norms(ThreadPool& pool, CpuLevel level, std::span<const ValueHead> heads, const Weight& wo, int group,
                  int d, DType kv);

}  // namespace rkv::cpu
