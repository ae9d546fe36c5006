// Drawing the next token from logits.
#pragma once

#include <cstdint>

#include "core/ops.h"

namespace rkv::cpu {

/// One token of a request: penalty, temperature, top-k, top-p, min-p, draw. Greedy ties go to the lower id.
/// The draw depends on seed and position alone, so a sequence comes out the same whatever else is in the batch.
int32_t sample(const SampleRequest& request, int vocab_size);

}  // namespace rkv::cpu
