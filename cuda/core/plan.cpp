#include "core/plan.h"

#include "core/failure.h"

namespace rkv {
namespace {

void range(const char* name, int value, int low, int high) {
  if (value < low || value > high) {
    fail(RKV_E_ARG, "plan: %s must be between %d and %d: current value is %d", name, low, high, value);
  }
}

void check_evict(const rkv_plan& p) {
  range("evict", p.evict, RKV_EVICT_NONE, RKV_EVICT_SCORE);
  range("sinks", p.sinks, 0, INT32_MAX);
  range("step_keep", p.step_keep, 0, INT32_MAX);
  if (p.evict == RKV_EVICT_SCORE) {
    range("keep", p.keep, 1, INT32_MAX);
    range("window", p.window, 1, RKV_MAX_WINDOW);
    range("pool", p.pool, RKV_POOL_MAX, RKV_POOL_AVG);
    range("pool_width", p.pool_width, 1, INT32_MAX);
    if (p.pool_width % 2 == 0) fail(RKV_E_ARG, "plan: pool_width must be odd: current value is %d", p.pool_width);
    if (p.sinks > p.keep - p.window) {
      fail(RKV_E_ARG, "plan: sinks + window must be <= keep: found %d + %d and %d", p.sinks, p.window, p.keep);
    }
  }
  if (p.evict == RKV_EVICT_RECENT) {
    range("keep", p.keep, 1, INT32_MAX);
    if (p.sinks >= p.keep) fail(RKV_E_ARG, "plan: sinks must be below keep: found %d and %d", p.sinks, p.keep);
  }
  if (p.step_keep > 0) {
    if (p.sinks >= p.step_keep) {
      fail(RKV_E_ARG, "plan: sinks must be below step_keep: found %d and %d", p.sinks, p.step_keep);
    }
    // Pages hold consecutive tokens; dropping one at every step would shift all of them.
    if (p.select == RKV_SELECT_PAGES) fail(RKV_E_ARG, "plan: step_keep cannot be combined with select PAGES");
    if (p.keep_history != 0) fail(RKV_E_ARG, "plan: step_keep cannot be combined with keep_history");
  }
}

void check_select(const rkv_plan& p, int head_dim) {
  range("select", p.select, RKV_SELECT_ALL, RKV_SELECT_EXACT);
  range("rank", p.rank, RKV_RANK_SOFTMAX_MEAN, RKV_RANK_PER_HEAD);
  range("sign", p.sign, RKV_SIGN_GROUP, RKV_SIGN_HEAD);
  if (p.select == RKV_SELECT_ALL) return;
  range("top_k", p.top_k, 1, INT32_MAX);
  range("pin_sinks", p.pin_sinks, 0, INT32_MAX);
  range("pin_recent", p.pin_recent, 0, INT32_MAX);
  if (p.pin_sinks > p.top_k - p.pin_recent) {
    fail(RKV_E_ARG, "plan: pin_sinks + pin_recent must be <= top_k: found %d + %d and %d", p.pin_sinks, p.pin_recent,
         p.top_k);
  }
  if (p.select == RKV_SELECT_PAGES) {
    range("page_size", p.page_size, 1, INT32_MAX);
    range("query_dims", p.query_dims, 1, head_dim);
    if (p.rank == RKV_RANK_PER_HEAD) fail(RKV_E_ARG, "plan: rank PER_HEAD needs select EXACT");
  }
}

}  // namespace

rkv_plan dense_plan() {
  rkv_plan plan = {};
  plan.struct_size = sizeof plan;
  return plan;
}

void check_plans(std::span<const rkv_plan> plans, const rkv_model_config& config) {
  if (plans.size() != 1 && plans.size() != static_cast<size_t>(config.n_layers)) {
    fail(RKV_E_ARG, "n_plans must be 1 or %d: found %zu", config.n_layers, plans.size());
  }
  for (const rkv_plan& plan : plans) {
    check_evict(plan);
    check_select(plan, config.head_dim);
  }
}

}  // namespace rkv
