/**
 * Oracle top-k, per query head: attend to the tokens with the largest true scores. The quality ceiling of every method
 * that attends to `budget` tokens; scoring is not charged, so it saves no key reads (the RocketKV paper's Exact-TopK,
 * arXiv:2502.14051).
 *
 * Each query head chooses for itself, so a KV head may read up to group * budget values. `oracle-group` is the ceiling
 * of methods that make one choice per KV head. Nothing is forced in unless pinned, not even the current token.
 */

import { defineMethod } from "./define.ts";
import type { Method, PlanInput } from "./method.ts";
import { DENSE, type Plan } from "./plan.ts";
import { pinStage } from "./stages.ts";
import { exact } from "./selection_parameters.ts";

/** The best `budget` tokens by true scores, ranked per head or per group. */
export function planOracle({ tokenBudget, set }: PlanInput, rank: Plan["rank"]): Plan {
  return {
    ...DENSE,
    select: "exact",
    topK: set["top_k"] ?? tokenBudget,
    rank,
    ...pinStage(set),
  };
}

export const oracle: Method = defineMethod({
  name: "oracle",
  summary: "attend to the true top-k of every query head: quality ceiling, saves no key reads",
  paper: "Exact-TopK of RocketKV, ICML 2025, arXiv:2502.14051",
  parameters: exact(),
  plan: (input) => planOracle(input, "per_head"),
});
