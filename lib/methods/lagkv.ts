/**
 * LagKV: keep the tokens whose keys and values vary most, seen relative to the range of the partition that follows
 * (arXiv:2504.04704). Needs no queries at all.
 *
 * The prompt behind the sinks is cut into partitions of `lag` tokens; a token's score is its rank within its partition.
 * The last partition and what does not fill one have nothing behind them: they score highest, so they are kept where
 * the budget allows.
 *
 * Where this differs from the official code, and why:
 * - the budget is what is kept in all; officially each partition keeps the same share;
 * - the whole prompt is scored at once, and generated tokens are never dropped; officially compression goes on.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { AT_LEAST_ONE, promptBudget, recent, sinks } from "./parameters.ts";
import { evictIfNeeded, scoreStage } from "./stages.ts";

const SINKS = 4, LAG = 128;

export const lagkv: Method = defineMethod({
  name: "lagkv",
  summary: "evict once, keep the tokens that vary most within the range of what follows",
  paper: "LagKV, arXiv:2504.04704",
  parameters: [
    promptBudget("budget"),
    { name: "lag", unit: "tokens", help: "tokens of a partition", default: `${LAG}`, ...AT_LEAST_ONE },
    sinks(`${SINKS}, at most prompt_budget`),
    recent("0"),
  ],
  scoresHeads: true,
  plan(input) {
    const plan = scoreStage(input, "lag", { keep: input.tokenBudget, sinks: SINKS });
    return evictIfNeeded({ ...plan, lag: input.set["lag"] ?? LAG }, input.promptTokens);
  },
});
