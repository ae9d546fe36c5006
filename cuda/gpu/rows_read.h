// What a decode step has read, in tokens and bytes. Known beforehand, but for lists that only the device has: counting
// those waits for it.
#pragma once

#include "core/ops.h"
#include "gpu/launcher.h"

namespace rkv::gpu {

/// Whether rows of a cache lie as codes.
bool has_codes(const HeadCache& cache);

/// Bytes of the K rows of slots[from .. from + n), or of the slots from `from` on, as they are stored, with their share
/// of the scales; V has as many. @param slots  device, or NULL.
int64_t stored_bytes(Launcher& launcher, const HeadCache& cache, const int32_t* slots, int from, int n, int d,
                     DType kv);

/// Whether what is left out of a selection counts as the mean V.
bool mixes_mean(const DecodeHead& head);

/// Fill in tokens_attended and attend_read_bytes.
void count_attended(Launcher& launcher, DecodeHead& head, int group, int d, DType kv);

}  // namespace rkv::gpu
