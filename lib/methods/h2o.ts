/**
 * H2O: half of the budget for the tokens with the most attention so far, half for the most recent ones; every step adds
 * its attention weights and drops the token that has the fewest (arXiv:2306.14048).
 *
 * Where this differs from the official code, and why:
 * - one set per KV head, from weights summed over the group; officially grouped-query attention is not supported;
 * - a step attends to `budget` tokens, the current one included, so one fewer is cached between steps;
 * - weights are summed in f32; in half precision small ones are lost;
 * - true positions, as in its simulation; its streaming variant counts positions through the cache.
 *
 * The weights of a step are found by reading its keys once more, which comes on top of the budget.
 * The prefill sums the weights that every token receives from all queries: a second pass over the scores.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { recent, sinks } from "./parameters.ts";
import { DENSE } from "./plan.ts";

export const h2o: Method = defineMethod({
  name: "h2o",
  summary: "keep what got the most attention so far and the most recent tokens, at every step",
  paper: "H2O, NeurIPS 2023, arXiv:2306.14048",
  parameters: [recent("floor(budget / 2), at most budget - 2"), sinks("0")],
  plan({ tokenBudget, set }) {
    const keep = Math.max(1, tokenBudget - 1);
    const newest = set["recent"] ?? Math.min(Math.floor(tokenBudget / 2), keep - 1);
    return {
      ...DENSE,
      evict: "score",
      score: "attention",
      keep,
      sinks: set["sinks"] ?? 0,
      recent: newest,
      stepKeep: keep,
      stepEvict: "attention",
      stepRecent: newest,
    };
  },
});
