/**
 * StreamingLLM: keep the first tokens, which soak up attention, and the most recent ones; drop the rest at every step
 * (arXiv:2309.17453).
 *
 * Where this differs from the official code, and why:
 * - positions are not shifted: the official code rotates cached keys again so that positions count through the cache,
 *   here every key keeps its true position, as in the later reimplementations of this baseline. The two differ only in
 *   the distance between the sinks and the query, which matters beyond the length a model was trained for;
 * - a step attends to exactly `budget` tokens, the current one included; the official cache holds the budget before the
 *   current token is added.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { SINKS } from "./parameters.ts";
import { DENSE } from "./plan.ts";

export const streaming: Method = defineMethod({
  name: "streaming",
  summary: "keep the first and the most recent tokens, positions unshifted",
  paper: "StreamingLLM, ICLR 2024, arXiv:2309.17453",
  parameters: [{ ...SINKS, default: "4, at most budget - 1" }],
  plan: ({ tokenBudget, set }) => ({
    ...DENSE,
    evict: "recent",
    keep: tokenBudget,
    stepKeep: tokenBudget,
    sinks: set["sinks"] ?? Math.min(4, tokenBudget - 1),
  }),
});
