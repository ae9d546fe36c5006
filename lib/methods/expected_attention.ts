/**
 * Expected attention: keep the tokens that future queries will attend to, when queries are taken for normally
 * distributed with the mean and covariance seen in the prompt, rotated to the positions to come (arXiv:2510.00636).
 *
 * Where this differs from the official code, and why:
 * - the budget is a number of tokens; officially a share that is removed;
 * - of the group's query heads the mean decides; `group_rule` = 1 takes the largest.
 *
 * Its authors' best runs are `adakv(expected-attention)` with `epsilon` = 0.01.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { AT_LEAST_ONE, GROUP_RULE, promptBudget, recent, sinks, SWITCH } from "./parameters.ts";
import { AGREE_KINDS, DENSE, OBSERVE_FROM } from "./plan.ts";
import { evictIfNeeded, scoreStage } from "./stages.ts";

const SINKS = 4, FUTURE = 512;

export const expectedAttention: Method = defineMethod({
  name: "expected-attention",
  summary: "evict once, keep what future queries are expected to attend to",
  paper: "Expected attention, arXiv:2510.00636",
  parameters: [
    promptBudget("budget"),
    {
      name: "future",
      unit: "positions",
      help: "positions ahead over which the rotation of queries is averaged",
      default: `${FUTURE}`,
      ...AT_LEAST_ONE,
    },
    { name: "covariance", help: "1 = the spread of the queries counts, not only their mean", default: "1", ...SWITCH },
    { name: "value_weight", help: "1 = scores are multiplied by the length of the value", default: "1", ...SWITCH },
    {
      name: "epsilon",
      unit: "weight",
      help: "added to a score before it is multiplied by the length of the value",
      default: "0",
      min: 0,
      max: 1e6,
      fractional: true,
    },
    GROUP_RULE,
    sinks(`${SINKS}, at most prompt_budget`),
    recent("0"),
  ],
  scoresHeads: true,
  plan(input) {
    const { tokenBudget, promptTokens, set } = input;
    const plan = scoreStage(input, "expected", { keep: tokenBudget, sinks: SINKS });
    // A prompt of a few tokens has no query to expect anything from.
    if (promptTokens <= OBSERVE_FROM) {
      return evictIfNeeded({ ...DENSE, evict: "recent", keep: plan.keep }, promptTokens);
    }
    return evictIfNeeded({
      ...plan,
      future: set["future"] ?? FUTURE,
      covariance: (set["covariance"] ?? 1) === 1,
      valueWeight: (set["value_weight"] ?? 1) === 1,
      valueEpsilon: set["epsilon"] ?? 0,
      agree: AGREE_KINDS[set["group_rule"] ?? 0]!,
    }, promptTokens);
  },
});
