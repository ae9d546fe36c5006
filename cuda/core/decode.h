// One decode step for several sessions at once.
#pragma once

#include "core/session.h"

namespace rkv {

/// rkv_decode(): feed tokens[i] to sessions[i]. All sessions belong to one model and are READY.
/// Running out of memory before the step begins changes nothing; a failure in the middle of it empties the sessions.
/// @param samplers  One per session: the next tokens are drawn into `drawn`. NULL draws nothing.
void decode_step(std::span<Session* const> sessions, std::span<const int32_t> tokens, const rkv_sampler* samplers,
                 int32_t* drawn);

}  // namespace rkv
