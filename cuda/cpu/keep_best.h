// Which of the voted tokens stay.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::keep_best: pool the votes with stride 1, then take the `keep` best, 0 <= keep <= n, the first `sinks` in any
/// case.
///
/// A wide pool makes plateaus of equal scores, so ties are the rule: the higher pooled score goes first, then the
/// higher vote (the peak of a plateau is not lost before its neighbours), then the lower index. MAX ignores what lies
/// outside; AVG counts it as zeros, always divides by the width, and is calculated in f64.
void keep_best(ThreadPool& pool, std::span<const KeepHead> heads);

}  // namespace rkv::cpu
