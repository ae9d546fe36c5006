/**
 * KeyDiff: keep the tokens whose keys point elsewhere than most, measured by the cosine with the mean of all normalised
 * keys of the head (arXiv:2504.15364). Needs no queries at all.
 *
 * Where this differs from the official code, and why:
 * - the whole prompt is scored at once; the paper evicts block by block while a long prompt is read, because it aims at
 *   a bounded prefill.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { promptBudget, recent, sinks } from "./parameters.ts";
import { evictIfNeeded, scoreStage } from "./stages.ts";

export const keydiff: Method = defineMethod({
  name: "keydiff",
  summary: "evict once, keep the tokens whose keys differ most from the rest",
  paper: "KeyDiff, arXiv:2504.15364",
  parameters: [promptBudget("budget"), sinks("0"), recent("0")],
  scoresHeads: true,
  plan: (input) =>
    evictIfNeeded(scoreStage(input, "key_diff", { keep: input.tokenBudget, sinks: 0 }), input.promptTokens),
});
