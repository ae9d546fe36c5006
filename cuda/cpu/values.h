// Scores and sums that come from the values themselves.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::weigh_by_value: score = (score + epsilon) * |v|_2.
void weigh_by_value(ThreadPool& pool, CpuLevel level, std::span<const ValueHead> heads, float epsilon, int d, DType kv);

/// Ops::sum_values: sum[d] of V over the candidates; f32 over 512 rows, f64 over those sums.
void sum_values(ThreadPool& pool, CpuLevel level, const HeadCache& cache, int d, DType kv, float* sum);

}  // namespace rkv::cpu
