// How the places of a layer are dealt to its KV heads.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "core/rank.h"

namespace rkv {

/// A share as it was written, in up to 6 decimals: 0.7 of 10 places are 7, although 0.7 as f32 is a little less.
inline double as_written(float share) { return std::round(static_cast<double>(share) * 1e6) / 1e6; }

/// Places of every head among its scored tokens.
///
/// @param heads   Pooled scores of every head that competes; what a head must keep is worth infinitely much.
/// @param places  What a head gets when all get the same: plan.keep without the recent tokens.
std::vector<int> allocate(const rkv_plan& plan, std::span<const std::vector<Entry>> heads, int places);

}  // namespace rkv
