/**
 * StreamingLLM: keep the first tokens, which soak up attention, and the most recent ones; drop the rest at every step
 * (arXiv:2309.17453).
 *
 * Where this differs from the official code, and why:
 * - every key keeps its true position, as in the later reimplementations of this baseline; officially positions count
 *   through the cache (`shift` = 1). The two differ only in the distance between the sinks and the query, which matters
 *   beyond the length a model was trained for. With `shift` the query is turned for the sinks, not the keys: same
 *   result, and cached keys stay as they are;
 * - a step attends to exactly `budget` tokens, the current one included; the official cache holds the budget before the
 *   current token is added;
 * - the prompt is prefilled densely and then cut; officially it is fed token by token.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { sinks, SWITCH } from "./parameters.ts";
import { DENSE } from "./plan.ts";

export const streaming: Method = defineMethod({
  name: "streaming",
  summary: "keep the first and the most recent tokens",
  paper: "StreamingLLM, ICLR 2024, arXiv:2309.17453",
  parameters: [
    sinks("4, at most budget - 1"),
    {
      name: "shift",
      help: "1 = positions count through the cache, so that sinks seem to stand right before the rest",
      default: "0",
      ...SWITCH,
    },
  ],
  plan: ({ tokenBudget, set }) => ({
    ...DENSE,
    evict: "recent",
    keep: tokenBudget,
    stepKeep: tokenBudget,
    sinks: set["sinks"] ?? Math.min(4, tokenBudget - 1),
    shiftPositions: set["shift"] === 1,
  }),
});
