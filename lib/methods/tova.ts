/**
 * TOVA: keep the tokens that the current query attends to most; every step drops the one that its own query likes least
 * (arXiv:2401.06104).
 *
 * All query heads of a layer decide together, so every KV head keeps the same tokens; `per_head` = 1 lets every KV head
 * decide by its own group.
 *
 * The weights of a step are found by reading its keys once more, which comes on top of the budget.
 *
 * Where this differs from the official code, and why:
 * - a step attends to `budget` tokens, the current one included, so one fewer is cached between steps;
 * - of equal weights the older token is dropped; officially the sort decides.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { recent, sinks, SWITCH } from "./parameters.ts";
import { DENSE } from "./plan.ts";

export const tova: Method = defineMethod({
  name: "tova",
  summary: "keep what the current query attends to most, at every step",
  paper: "TOVA, EMNLP 2024, arXiv:2401.06104",
  parameters: [
    { name: "per_head", help: "1 = every KV head keeps tokens of its own", default: "0", ...SWITCH },
    recent("0"),
    sinks("0"),
  ],
  plan({ tokenBudget, set }) {
    const keep = Math.max(1, tokenBudget - 1);
    return {
      ...DENSE,
      evict: "score",
      score: "votes",
      window: 1,
      keep,
      sinks: set["sinks"] ?? 0,
      // The vote of one query can only keep that query's own token by rule; steps can keep more.
      recent: Math.min(1, set["recent"] ?? 0),
      agree: set["per_head"] === 1 ? "sum" : "layer",
      stepKeep: keep,
      stepEvict: "current",
      stepRecent: set["recent"] ?? 0,
    };
  },
});
