/**
 * SnapKV, one choice per KV head: keep the prompt tokens that the end of the prompt attends to, drop the rest, attend to
 * all that is left (arXiv:2404.14469).
 *
 * Where this differs from the official code, and why:
 * - one choice per group of query heads, from votes summed over the group: with grouped-query attention the official
 *   code stores every key once per query head, which makes it G times larger at equal capacity (`snapkv-head` does so);
 * - max pooling of width 63, as in RocketKV's first stage, instead of 5 or 7 (`kernel`, `pool` change it);
 * - kept tokens stay in the order of their positions.
 *
 * The whole budget is kept tokens, since nothing is spent on scoring; generated tokens are appended and never dropped,
 * so a step reads the budget plus what was generated so far.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { GROUP_RULE, voting } from "./parameters.ts";
import { evictIfNeeded, voteStage } from "./stages.ts";

const WINDOW = 32, KERNEL = 63;

export const snapkv: Method = defineMethod({
  name: "snapkv",
  summary: "evict once by votes, then attend to everything kept",
  paper: "SnapKV, NeurIPS 2024, arXiv:2404.14469",
  parameters: [...voting({ promptBudget: "budget", window: WINDOW, kernel: KERNEL }), GROUP_RULE],
  scoresHeads: true,
  plan(input) {
    const vote = voteStage(input, { promptBudget: input.tokenBudget, window: WINDOW, kernel: KERNEL });
    return evictIfNeeded(vote, input.promptTokens);
  },
});
