// What queries attend to, summed: which prompt tokens the end of the prompt needs, for one.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::vote: every one of the last `window` queries spreads a softmax over all slots that it may see, the window's own
/// included; the weights of the first n_scored slots are added up over the window, then over the group, or their
/// largest is taken, or they stay apart. Up to the window and with kGroup that is SnapKV (arXiv:2404.14469), with
/// windows that cover the whole prompt H2O (arXiv:2306.14048). Diagonals are the vertical-slash estimate of MInference
/// (arXiv:2407.02490).
///
/// f32 throughout, queries not rounded; no n x n matrix: two passes over the keys, in tiles. Results do not depend on
/// the thread count, on other heads in the call or on the cut into runs.
void vote(ThreadPool& pool, CpuLevel level, std::span<const VoteHead> heads, int group, int d, DType kv);

}  // namespace rkv::cpu
