// New tokens on their way into the cache.
#pragma once

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// The cache's part of Ops::rotate_and_append: K and V to the KV dtype (bf16 nearest, ties to even), positions and
/// slots beside them.
void append(ThreadPool& pool, CpuLevel level, std::span<const Append> heads, int n_kv_heads, int d);

}  // namespace rkv::cpu
