// Which of the scored tokens stay.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::keep_best: pool the scores, then take the `keep` best, 0 <= keep <= n, the first `sinks` in any case; the order
/// is that of core/rank.h.
void keep_best(ThreadPool& pool, std::span<const KeepHead> heads);

}  // namespace rkv::cpu
