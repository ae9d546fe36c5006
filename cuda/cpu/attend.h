// Exact attention of one decode step.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::attend: softmax(q.k / sqrt(d)) over what was selected, or over all candidates from `first` on, times V.
///
/// Scores, weights and sums are f32 whatever the KV dtype; q is not rounded. Lists are cut into splits of a fixed
/// number of tokens, merged in order, so a head's result is the same bits for any thread count, for any other heads in
/// the call, and for any way its cache is cut into runs. A selection of everything is the dense path.
///
/// With `q_sinks` the first n_sinks candidates are scored by it. With `mass` what a selection left out counts as the
/// mean V of all candidates: mass * attention + (1 - mass) * value_sum / candidates (SparQ, arXiv:2312.04985).
///
/// Writes `out`, `attend_read_bytes` (K and V rows as stored, once per group; the union of the lists for PER_HEAD;
/// value_sum where it was used) and `tokens_attended`.
void attend(ThreadPool& pool, CpuLevel level, std::span<DecodeHead> heads, int group, int d, DType kv);

}  // namespace rkv::cpu
