// Copies of chosen rows.
#pragma once

#include "core/ops.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::gather: the K and V rows and positions of slots[n], ascending, one after the other.
void gather(ThreadPool& pool, const HeadCache& cache, const int32_t* slots, int n, int d, DType kv, void* k, void* v,
            int32_t* position);

}  // namespace rkv::cpu
