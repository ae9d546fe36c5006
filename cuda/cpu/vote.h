// Which prompt tokens the end of the prompt attends to.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::vote, the scores of SnapKV (arXiv:2404.14469) summed over window and group: every one of the last `window`
/// queries spreads a softmax over all slots that it may see, the window's own included; the weights on earlier slots
/// are added up.
///
/// f32 throughout, queries not rounded; no n x n matrix: two passes over the keys, in tiles. Results do not depend on
/// the thread count, on other heads in the call or on the cut into runs. `score` has cache.n - window elements.
void vote(ThreadPool& pool, CpuLevel level, std::span<const VoteHead> heads, int group, int d, DType kv);

}  // namespace rkv::cpu
