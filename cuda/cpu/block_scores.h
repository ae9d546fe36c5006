// Which blocks of keys matter to which blocks of queries, by their means: sparse prefill (MInference,
// arXiv:2407.02490).
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::block_scores, unscaled: score[n_heads, ceil(n / 64), ceil((first_slot + n) / 64)], -infinity for blocks that
/// begin behind the row block. The last blocks may be shorter; their means are of what is there. In f32.
void block_scores(ThreadPool& pool, CpuLevel level, const float* q, int n, int first_slot,
                  std::span<const HeadCache> heads, int group, int d, DType kv, float* score);

}  // namespace rkv::cpu
