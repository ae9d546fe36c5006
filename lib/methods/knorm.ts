/**
 * Key norm: keep the tokens whose keys are short, since those are the ones that get attention (arXiv:2406.11430). Needs
 * no queries at all.
 *
 * Where this differs from the official code, and why:
 * - all layers are compressed; officially the first two are not (`dense_layers` = 2);
 * - nothing is pinned, as published: even the last token may go (`recent`, `sinks` keep some).
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { promptBudget, recent, sinks } from "./parameters.ts";
import { evictIfNeeded, scoreStage } from "./stages.ts";

export const knorm: Method = defineMethod({
  name: "knorm",
  summary: "evict once, keep the tokens with the shortest keys",
  paper: "L2 norm, EMNLP 2024, arXiv:2406.11430",
  parameters: [promptBudget("budget"), sinks("0"), recent("0")],
  scoresHeads: true,
  plan: (input) =>
    evictIfNeeded(scoreStage(input, "key_norm", { keep: input.tokenBudget, sinks: 0 }), input.promptTokens),
});
