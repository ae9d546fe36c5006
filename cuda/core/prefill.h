// Prompt processing, one layer over the whole prompt before the next.
#pragma once

#include "core/session.h"

namespace rkv {

/// rkv_prefill(): append tokens with dense attention; with a plan, compress every layer as soon as it is done.
/// On any failure the session is as it was before.
void prefill(Session& session, std::span<const int32_t> tokens, std::span<const rkv_plan> plans,
             rkv_compress_report* report, rkv_progress* progress);

/// @throws Failure RKV_E_ARG for an id outside the vocabulary.
void check_tokens(const Model& model, std::span<const int32_t> tokens);

}  // namespace rkv
