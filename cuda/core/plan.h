// Checks of a plan, and the parts of it that several steps need.
#pragma once

#include <span>

#include "rocketkv.h"

namespace rkv {

/// Keep everything, attend to everything.
rkv_plan dense_plan();

/// Plans of all layers: one for all of them, or one each.
/// @throws Failure RKV_E_ARG naming the field, the range and the value found.
void check_plans(std::span<const rkv_plan> plans, const rkv_model_config& config);

inline const rkv_plan& plan_of_layer(std::span<const rkv_plan> plans, int layer) {
  return plans[plans.size() == 1 ? 0 : static_cast<size_t>(layer)];
}

}  // namespace rkv
