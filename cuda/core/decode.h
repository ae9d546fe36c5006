// One decode step for several sessions at once.
#pragma once

#include "core/session.h"

namespace rkv {

/// rkv_decode(): feed tokens[i] to sessions[i]. All sessions belong to one model and are READY.
/// A failure leaves every session as it was before the step.
void decode_step(std::span<Session* const> sessions, std::span<const int32_t> tokens);

/// Draw a token for every session from its last logits.
void sample_tokens(std::span<Session* const> sessions, const rkv_sampler* samplers, int32_t* tokens);

}  // namespace rkv
