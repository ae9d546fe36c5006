// Page bounds: what is known of a page of keys without reading it.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::build_bounds: element-wise min and max of every page of consecutive candidates, for the pages that hold
/// candidates [from, candidates()); the page of `from` is rebuilt whole. Exact: bounds are elements of keys.
void build_bounds(ThreadPool& pool, CpuLevel level, std::span<const PageWork> work, int d);

}  // namespace rkv::cpu
