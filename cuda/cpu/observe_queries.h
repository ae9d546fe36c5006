// Sums of queries, from which their mean and covariance follow.
#pragma once

#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::observe_queries: add q[n, n_heads, d] to sums[n_heads, d + d * d] of q and of q q^T. Products are added in f32
/// over 128 tokens, then in f64.
void observe_queries(ThreadPool& pool, CpuLevel level, const float* q, int n, int n_heads, int d, double* sums);

}  // namespace rkv::cpu
