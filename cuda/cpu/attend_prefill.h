// Causal attention of a prompt's tokens.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::attend_prefill. Keys and values are packed into tiles once for all queries of a KV head, a bounded stretch of
/// the cache at a time; the queries of a group share every tile; no score leaves the cache of a core.
///
/// With a bf16 cache and AVX512_BF16, queries and softmax weights are rounded to bf16 (relative error 2^-9 each) and
/// products are summed in f32; otherwise everything is f32. A token's result is the same bits for any thread count, for
/// any cut of the prompt into calls, and for any cut of the cache into runs.
void attend_prefill(ThreadPool& pool, CpuLevel level, const float* q, int n, std::span<const HeadCache> heads,
                    int group, int d, DType kv, int sliding_window, float* out);

}  // namespace rkv::cpu
