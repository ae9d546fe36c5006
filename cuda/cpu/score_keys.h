// What tokens are worth by what they are: no queries.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::score_keys. KEY_NORM is -|k|_2 (arXiv:2406.11430), KEY_DIFF minus the cosine of k with the mean of the head's
/// normalised keys (arXiv:2504.15364, 0 for a row of zeros), RANDOM is core/random_score.h, LAG cpu/lag_score.h. Means
/// and partitions are those of the whole cache, however few slots get a score.
void score_keys(ThreadPool& pool, CpuLevel level, std::span<const KeyScoreHead> heads, const rkv_plan& plan, int layer,
                int d, DType kv);

}  // namespace rkv::cpu
