// The next token of a session.
#pragma once

#include "core/session.h"

namespace rkv {

/// Draw a token for every session from its last logits; samplers, tokens [sessions].
void draw(std::span<Session* const> sessions, const rkv_sampler* samplers, int32_t* tokens);

/// rkv_sample(): draw a token from the session's last logits.
void sample_token(Session& session, const rkv_sampler& sampler, int32_t* token);

}  // namespace rkv
