/**
 * RocketKV: evict once after prefill by a wide-pooled SnapKV vote, then choose at every step with hybrid sparse
 * attention among what is left (arXiv:2502.14051).
 *
 * The split of the compression c between the stages is the paper's: eviction takes c^alpha of it, selection the rest,
 * and selection divides its part between page size and query dims. Half of the budget pays for scoring, half for
 * attending.
 *
 * Where this differs from the code published with the paper, and why:
 * - a budget that holds everything is the full cache, exactly; theirs still attends to half of it;
 * - the prompt budget is at least the window, so that short prompts and long outputs never fail; theirs asserts;
 * - the whole prompt is prefilled; theirs feeds the last prompt token as a decode step (`decode_tail` = 1 does so too);
 * - scores are f32, and ties go to the higher unpooled vote, then to the lower position; theirs are half precision with
 *   ties left to the device, and a wide pool makes ties the rule;
 * - the smallest top-k is 1, and at least one dim is read.
 */

import { compressionOf, rocketSplit } from "./budget.ts";
import { defineMethod } from "./define.ts";
import type { Method, Parameter, PlanInput } from "./method.ts";
import { GROUP_RULE, voting } from "./parameters.ts";
import type { Plan } from "./plan.ts";
import { evictIfNeeded, pageStage, voteStage } from "./stages.ts";
import { paging } from "./selection_parameters.ts";

const KERNEL = 63;

/** Numbers of both stages, for the given observation window. */
export function rocketParameters(window: number): readonly Parameter[] {
  return [
    {
      name: "split",
      unit: "exponent",
      help: "share of the compression that eviction takes: prompt and output shrink by compression^split",
      default: "min(0.2 + 0.06 log2(compression), 0.8)",
      min: 0,
      max: 1,
      fractional: true,
    },
    ...voting({ promptBudget: "capacity - new tokens, at least window", window, kernel: KERNEL }),
    GROUP_RULE,
    ...paging({
      pageSize: "as hsa, with compression = capacity / budget",
      queryDims: "as hsa, with compression = capacity / budget",
    }),
  ];
}

/** Both stages; RocketKV-MT uses them with a wider window. */
export function planRocket(input: PlanInput, window: number): Plan {
  const { tokenBudget, promptTokens, newTokens, set } = input;
  const split = rocketSplit(tokenBudget, promptTokens + newTokens, newTokens, set["split"]);
  const promptBudget = Math.max(split.promptBudget, set["window"] ?? window);
  const vote = voteStage(input, { promptBudget, window, kernel: KERNEL });
  const kept = Math.min(vote.keep, promptTokens);
  return {
    ...evictIfNeeded(vote, promptTokens),
    ...pageStage(input, compressionOf(tokenBudget, kept + newTokens)),
  };
}

export const rocketkv: Method = defineMethod({
  name: "rocketkv",
  summary: "evict once by votes, then select by pages and dims at every step",
  paper: "RocketKV, ICML 2025, arXiv:2502.14051",
  parameters: rocketParameters(32),
  scoresHeads: true,
  plan: (input) => planRocket(input, 32),
});
