// Attention of a prompt's tokens to listed slots.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::attend_listed: every row attends to the slots of its list up to its own (MInference, arXiv:2407.02490). Listed
/// rows of K and V are gathered into tiles and go through the kernels of attend_prefill(), with its rounding; a list of
/// everything gives its bits. A row that sees nothing becomes 0; rows of `out` that no item names stay as they are.
///
/// Results do not depend on the thread count or on how rows are spread over items.
void attend_listed(ThreadPool& pool, CpuLevel level, const float* q, int n, std::span<const ListedRows> rows,
                   int n_heads, int d, DType kv, float* out);

}  // namespace rkv::cpu
