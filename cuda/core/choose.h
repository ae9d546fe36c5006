// Which tokens stay, decided on the host: wherever heads compete for places or choose more than once.
#pragma once

#include "core/score.h"

namespace rkv {

/// Whether a plan's choice is one call of Ops::keep_best() per head, so that no score has to leave the device.
bool is_plain_choice(const rkv_plan& plan, const Scores& scores);

/// Slots that stay, recent ones included, ascending: [heads of `scores`][rows of a head][...].
std::vector<std::vector<std::vector<int32_t>>> choose_tokens(const Session& session, int layer, const rkv_plan& plan,
                                                             const Scores& scores, int recent);

}  // namespace rkv
