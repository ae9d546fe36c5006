// Checks of a plan, and the parts of it that several steps need.
#pragma once

#include <span>

#include "rocketkv.h"

namespace rkv {

/// Keep everything, attend to everything.
rkv_plan dense_plan();

/// Plans of all layers: one for all of them, or one each.
/// @throws Failure RKV_E_ARG naming the field, the range or what it cannot go with, and the value found.
void check_plans(std::span<const rkv_plan> plans, const rkv_model_config& config);

inline const rkv_plan& plan_of_layer(std::span<const rkv_plan> plans, int layer) {
  return plans[plans.size() == 1 ? 0 : static_cast<size_t>(layer)];
}

/// Whether decode steps evict by the attention that tokens have received since the prompt (H2O).
inline bool steps_need_attention(const rkv_plan& plan) {
  return plan.step_keep > 0 && plan.step_evict == RKV_STEP_ATTENTION;
}

/// Whether the prefill must sum up attention (RKV_OBSERVE_ATTENTION).
inline bool needs_attention(const rkv_plan& plan) {
  return (plan.evict == RKV_EVICT_SCORE && plan.score == RKV_SCORE_ATTENTION) || steps_need_attention(plan);
}

/// Whether the prefill must keep moments of the queries (RKV_OBSERVE_QUERIES).
inline bool needs_query_moments(const rkv_plan& plan) {
  return plan.evict == RKV_EVICT_SCORE && plan.score == RKV_SCORE_EXPECTED;
}

/// Whether a plan leaves a KV head alone (DuoAttention's retrieval heads).
inline bool is_dense_head(const rkv_plan& plan, int kv_head) {
  if (kv_head >= 64) return false;
  return ((kv_head < 32 ? plan.dense_heads_low : plan.dense_heads_high) >> (kv_head % 32) & 1u) != 0;
}

}  // namespace rkv
