// ExpectedAttention (arXiv:2510.00636): what future queries are expected to attend to.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::expected_score: a query that is normally distributed gives a key the weight exp(z) on average,
///   z = mean . k / sqrt(d) + k^T covariance k / (2 d).
/// Weights are a softmax of z over all slots from `first` on, one per query head; the score is their mean over the
/// group, or the largest. In f32. The covariance costs n d^2 products per query head.
void expected_score(ThreadPool& pool, CpuLevel level, std::span<const ExpectedHead> heads, int group, int d, DType kv);

}  // namespace rkv::cpu
