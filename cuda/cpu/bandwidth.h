// How fast this machine's memory can be read: the roof of decode.
#pragma once

#include <cstdint>

#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Bytes per second of the best of `rounds` >= 1 passes over a buffer of `bytes`. Throws std::bad_alloc.
double read_bandwidth(ThreadPool& pool, CpuLevel level, int64_t bytes, int rounds);

}  // namespace rkv::cpu
