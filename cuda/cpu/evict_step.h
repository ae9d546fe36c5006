// One token fewer behind a decode step.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::evict_step: of the slots whose position is in [sinks, newest) the one with the lowest score goes, among equals
/// the oldest (H2O, arXiv:2306.14048; TOVA, arXiv:2401.06104). The last slot's row, position and, with `moves_score`,
/// score take its place, so slots are no longer in the order of their positions; the last score is 0 then. A head
/// without a droppable slot stays as it is.
///
/// Heads that share scores and hold the same positions drop the same slot.
void evict_step(ThreadPool& pool, std::span<const StepHead> heads, int d, DType kv);

}  // namespace rkv::cpu
