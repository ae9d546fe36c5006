// LagKV (arXiv:2504.04704): tokens are worth what they differ from the tokens that follow.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/row_kernels.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// From slot `sinks` on there are partitions of `lag` tokens. K and V of a partition are taken relative to the range of
/// each dim in the partition behind it; the standard deviation over dims goes through a softmax over the partition, and
/// the mean of both weights is turned into the token's rank in its partition: 0, 1 / lag, ... (lag - 1) / lag.
///
/// Slots before and all that has no partition behind it score 1. With fewer than two partitions slot i of n scores
/// i / n. In f64, because neighbours in rank differ by little.
void lag_score(ThreadPool& pool, const RowKernels& kernels, std::span<const KeyScoreHead> heads, int sinks, int lag,
               int d, DType kv);

}  // namespace rkv::cpu
