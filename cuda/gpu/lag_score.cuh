// LagKV (arXiv:2504.04704): tokens are worth what they differ from the tokens that follow.
#pragma once

#include "gpu/kernels.h"

namespace rkv::gpu {

/// See cpu/lag_score.h.
void lag_score(Launcher& launcher, Scratch& scratch, std::span<const KeyScoreHead> heads, int sinks, int lag, int d,
               DType kv);

}  // namespace rkv::gpu
