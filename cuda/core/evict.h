// Eviction behind a prefill: score, choose, keep.
#pragma once

#include "core/score.h"

namespace rkv {

/// Do what plan.evict says to one layer's cache: drop tokens, or with keep_history only list what stays. KV heads with
/// no more than plan.keep tokens and dense heads stay as they are.
void evict_layer(Session& session, int layer, const rkv_plan& plan, const Evidence& evidence);

}  // namespace rkv
