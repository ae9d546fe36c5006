// Cached rows to codes.
#pragma once

#include <span>

#include "core/ops.h"
#include "cpu/cpu_level.h"
#include "cpu/thread_pool.h"

namespace rkv::cpu {

/// Ops::quantise: KIVI (arXiv:2402.02750) with 2, 4 or 8 bits. Groups, `group` tokens of a dim of K and `group` dims of
/// a token's V, get min = the smallest and scale = (largest - smallest) / (2^bits - 1), both rounded to f16 before
/// codes are taken, so that decoding undoes what encoding did. A group without a spread that f16 can tell from 0 has
/// codes of 0 and a scale of 1.
///
/// The same bits for any thread count and instruction set.
void quantise(ThreadPool& pool, CpuLevel level, std::span<const QuantHead> heads, int d, DType kv);

}  // namespace rkv::cpu
