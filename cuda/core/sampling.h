// What all backends share of a draw, so that the same seed gives the same text on each of them.
#pragma once

#include <vector>

#include "core/ops.h"

namespace rkv {

/// Uniform in [0, 1) from seed and position (splitmix64 finaliser).
double uniform(uint64_t seed, uint64_t position);

/// Tokens whose logits the repeat penalty changes: each recent one once, however often it occurred, ascending. Empty
/// when the penalty is off.
std::vector<int32_t> penalised_tokens(const SampleRequest& request);

}  // namespace rkv
