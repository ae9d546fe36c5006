// New tokens on their way into the cache.
#pragma once

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::append for one session: K and V to the KV dtype (bf16 nearest, ties to even), positions and slots beside them.
void append(ThreadPool& pool, CpuLevel level, const Append& rows, int n_kv_heads, int d);

}  // namespace rkv::cpu
