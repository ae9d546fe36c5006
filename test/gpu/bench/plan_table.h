// Plans as numbers, made by scripts/gpu_check/make_plans.ts: methods are formulas there and nowhere else.
#pragma once

#include <string>
#include <vector>

#include "rocketkv.h"

namespace rkv::bench {

struct PlanRow {
  std::string shape;  // of the model that it is for
  int context;        // prompt tokens
  std::string method;
  int budget;
  std::vector<rkv_plan> plans;  // one for all layers, or one for each
};

/// @throws std::runtime_error for a file that is not such a table.
std::vector<PlanRow> read_plans(const std::string& path, const std::string& shape);

/// The rows for a prompt of `context` tokens.
std::vector<PlanRow> plans_for(const std::vector<PlanRow>& rows, int context);

}  // namespace rkv::bench
