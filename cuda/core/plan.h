// Checks of a plan, and the parts of it that several steps need.
#pragma once

#include "rocketkv.h"

namespace rkv {

/// Keep everything, attend to everything.
rkv_plan dense_plan();

/// @throws Failure RKV_E_ARG naming the field, the range and the value found.
void check_plan(const rkv_plan& plan, int head_dim);

/// What a layer does under a plan: the first `dense_layers` are left alone.
inline bool layer_is_dense(const rkv_plan& plan, int layer) { return layer < plan.dense_layers; }

}  // namespace rkv
