// Which tokens stay, decided on the host: wherever heads compete for places or choose more than once.
#pragma once

#include "core/score.h"

namespace rkv {

/// Whether a plan's choice is one call of Ops::keep_best() per head, so that no score has to leave the device.
bool is_plain_choice(const rkv_plan& plan, const Scores& scores);

/// Ascending slots on the host: [KV heads][lists of a head][...].
using SlotLists = std::vector<std::vector<std::vector<int32_t>>>;

/// Slots that stay, recent ones included: a list for every row of the heads of `scores`.
SlotLists choose_tokens(const Session& session, int layer, const rkv_plan& plan, const Scores& scores, int recent);

}  // namespace rkv
