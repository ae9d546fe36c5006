import type { LayerPlans, Plan } from "./plan.ts";

/** What a prefill can be asked to keep for plans that are applied later: `rkv_observe` of the C header. */
export type Observation = "attention" | "queries";

/** What these plans need to know of a prefill that is done before they are applied. */
export function observationsFor(plans: readonly LayerPlans[]): Observation[] {
  const all = plans.flat();
  const scores = (plan: Plan) => plan.evict === "score" ? plan.score : null;
  const attention = all.some((plan) => scores(plan) === "attention" || plan.stepEvict === "attention");
  const queries = all.some((plan) => scores(plan) === "expected");
  return [...(attention ? ["attention" as const] : []), ...(queries ? ["queries" as const] : [])];
}
