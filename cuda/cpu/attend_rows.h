// Where the K and V rows of one KV head's slots lie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ops.h"

namespace rkv::cpu {

/// Row kernels work in groups and look ahead; they may read this many addresses past the last row.
constexpr int kRowPadding = 32;

inline size_t element_bytes(DType kv) { return kv == RKV_F32 ? 4 : 2; }

/// Addresses of n rows of the KV dtype: of slots[from ..], or of slots from, from + 1, ... when `slots` is NULL. Slots
/// are ascending.
///
/// `k` and `v` (may be NULL) have room for n + kRowPadding addresses; the padding repeats the last row. Kernels take
/// addresses so that runs, index lists and selections all go through the same arithmetic. Rows of quantised runs are
/// decoded into memory of this thread, which its next call takes for its own.
void locate_rows(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv, const void** k,
                 const void** v);

/// Bytes of the K rows of such slots as they are stored, scales included; their V rows have as many.
int64_t stored_bytes(const HeadCache& cache, const int32_t* slots, int from, int n, int d, DType kv);

/// The position in the text of a slot.
int32_t position_of(const HeadCache& cache, int slot);

/// The first slot whose position is >= `position`; cache.n when there is none.
int first_slot_at(const HeadCache& cache, int64_t position);

}  // namespace rkv::cpu
