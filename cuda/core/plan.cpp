#include "core/plan.h"

#include <cmath>

#include "core/failure.h"

namespace rkv {
namespace {

void range(const char* name, int value, int low, int high) {
  if (value < low || value > high) {
    fail(RKV_E_ARG, "plan: %s must be between %d and %d: current value is %d", name, low, high, value);
  }
}

void at_least(const char* name, int value, int low) { range(name, value, low, INT32_MAX); }

void flag(const char* name, int value) { range(name, value, 0, 1); }

void share(const char* name, float value) {
  if (!(value >= 0 && value <= 1)) {
    fail(RKV_E_ARG, "plan: %s must be between 0 and 1: current value is %g", name, static_cast<double>(value));
  }
}

/// `a` + `b` must fit into `limit`; each of the three is >= 0.
void fits(const char* names, int a, int b, const char* limit_name, int limit) {
  if (a > limit - b) fail(RKV_E_ARG, "plan: %s must be <= %s: found %d + %d and %d", names, limit_name, a, b, limit);
}

void excluded(bool both, const char* first, const char* second) {
  if (both) fail(RKV_E_ARG, "plan: %s cannot be combined with %s", first, second);
}

void check_score(const rkv_plan& p) {
  range("score", p.score, RKV_SCORE_VOTES, RKV_SCORE_RANDOM);
  if (p.score == RKV_SCORE_VOTES) {
    range("window", p.window, 1, RKV_MAX_WINDOW);
    if (p.recent > p.window) {
      fail(RKV_E_ARG, "plan: recent must be <= window with score VOTES: found %d and %d", p.recent, p.window);
    }
  }
  if (p.score == RKV_SCORE_EXPECTED) {
    at_least("future", p.future, 1);
    flag("covariance", p.covariance);
  }
  if (p.score == RKV_SCORE_LAG) at_least("lag", p.lag, 1);
  excluded(p.score == RKV_SCORE_ATTENTION && p.agree == RKV_AGREE_MAX, "score ATTENTION", "agree MAX");
  excluded(p.score == RKV_SCORE_ATTENTION && p.agree == RKV_AGREE_HEAD, "score ATTENTION", "agree HEAD");
  excluded(p.score == RKV_SCORE_EXPECTED && p.agree == RKV_AGREE_HEAD, "score EXPECTED", "agree HEAD");
  flag("value_weight", p.value_weight);
  if (!(std::isfinite(p.value_epsilon) && p.value_epsilon >= 0)) {
    fail(RKV_E_ARG, "plan: value_epsilon must be >= 0: current value is %g", static_cast<double>(p.value_epsilon));
  }
  range("pool", p.pool, RKV_POOL_MAX, RKV_POOL_AVG);
  at_least("pool_width", p.pool_width, 1);
  if (p.pool_width % 2 == 0) fail(RKV_E_ARG, "plan: pool_width must be odd: current value is %d", p.pool_width);
  flag("tie_by_position", p.tie_by_position);
  range("alloc", p.alloc, RKV_ALLOC_UNIFORM, RKV_ALLOC_ADA_SAFE);
  if (p.alloc != RKV_ALLOC_UNIFORM) {
    share("safeguard", p.safeguard);
    excluded(p.agree == RKV_AGREE_HEAD || p.agree == RKV_AGREE_LAYER, "alloc other than UNIFORM",
             "agree HEAD or LAYER");
    excluded(p.step_keep > 0, "alloc other than UNIFORM", "step_keep");
  }
  share("critical", p.critical);
}

void check_evict(const rkv_plan& p) {
  range("evict", p.evict, RKV_EVICT_NONE, RKV_EVICT_SCORE);
  at_least("sinks", p.sinks, 0);
  at_least("recent", p.recent, 0);
  flag("keep_history", p.keep_history);
  range("agree", p.agree, RKV_AGREE_SUM, RKV_AGREE_LAYER);
  if (p.evict == RKV_EVICT_NONE) return;
  at_least("keep", p.keep, 1);
  if (p.evict == RKV_EVICT_SCORE) {
    check_score(p);
    fits("sinks + recent", p.sinks, p.recent, "keep", p.keep);
  } else if (p.sinks >= p.keep) {
    fail(RKV_E_ARG, "plan: sinks must be below keep: found %d and %d", p.sinks, p.keep);
  }
}

void check_select(const rkv_plan& p, int head_dim) {
  range("select", p.select, RKV_SELECT_ALL, RKV_SELECT_EXACT);
  range("rank", p.rank, RKV_RANK_SOFTMAX_MEAN, RKV_RANK_PER_HEAD);
  range("sign", p.sign, RKV_SIGN_GROUP, RKV_SIGN_HEAD);
  flag("whole_pages", p.whole_pages);
  flag("mean_value", p.mean_value);
  if (p.mean_value != 0 && p.select != RKV_SELECT_PAGES) fail(RKV_E_ARG, "plan: mean_value needs select PAGES");
  if (p.select == RKV_SELECT_ALL) return;
  at_least("top_k", p.top_k, 1);
  at_least("pin_sinks", p.pin_sinks, 0);
  at_least("pin_recent", p.pin_recent, 0);
  fits("pin_sinks + pin_recent", p.pin_sinks, p.pin_recent, "top_k", p.top_k);
  if (p.select == RKV_SELECT_PAGES) {
    at_least("page_size", p.page_size, 1);
    range("query_dims", p.query_dims, 1, head_dim);
  }
}

void check_steps(const rkv_plan& p) {
  at_least("step_keep", p.step_keep, 0);
  range("step_evict", p.step_evict, RKV_STEP_OLDEST, RKV_STEP_CURRENT);
  at_least("step_recent", p.step_recent, 0);
  flag("shift_positions", p.shift_positions);
  if (p.step_keep == 0) return;
  if (p.sinks >= p.step_keep) {
    fail(RKV_E_ARG, "plan: sinks must be below step_keep: found %d and %d", p.sinks, p.step_keep);
  }
  // Pages hold consecutive tokens; dropping one at every step would shift all of them. Lists name slots.
  excluded(p.select == RKV_SELECT_PAGES, "step_keep", "select PAGES");
  excluded(p.keep_history != 0, "step_keep", "keep_history");
  excluded(p.evict == RKV_EVICT_SCORE && p.agree == RKV_AGREE_HEAD, "step_keep", "agree HEAD");
  if (p.step_evict == RKV_STEP_OLDEST) return;
  // One token goes at every step, so that the cache has to begin within the limit.
  if (p.evict == RKV_EVICT_NONE) fail(RKV_E_ARG, "plan: step_evict other than OLDEST needs evict RECENT or SCORE");
  if (p.keep > p.step_keep) {
    fail(RKV_E_ARG, "plan: keep must be <= step_keep with step_evict other than OLDEST: found %d and %d", p.keep,
         p.step_keep);
  }
  fits("sinks + step_recent", p.sinks, p.step_recent, "step_keep", p.step_keep);
}

void check_model(const rkv_plan& p, const rkv_model_config& config) {
  const bool windowed = config.sliding_window > 0;
  excluded(windowed && p.step_keep > 0 && p.step_evict != RKV_STEP_OLDEST, "step_evict other than OLDEST",
           "a sliding window of the model");
  excluded(windowed && p.mean_value != 0, "mean_value", "a sliding window of the model");
  excluded(windowed && p.shift_positions != 0, "shift_positions", "a sliding window of the model");
  excluded(p.mean_value != 0 && p.evict == RKV_EVICT_SCORE && p.agree == RKV_AGREE_HEAD, "mean_value", "agree HEAD");
  for (int h = config.n_kv_heads; h < 64; h++) {
    if (is_dense_head(p, h)) {
      fail(RKV_E_ARG, "plan: dense_heads must name KV heads between 0 and %d: found %d", config.n_kv_heads - 1, h);
    }
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
    check_steps(plan);
    check_model(plan, config);
  }
}

}  // namespace rkv
