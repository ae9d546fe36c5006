/**
 * SnapKV as published, one choice per query head: every query head keeps the prompt tokens that it attends to itself at
 * the end of the prompt, and sees nothing else afterwards (arXiv:2404.14469). The baseline of the RocketKV paper.
 *
 * A row is read once for every query head that kept it, so a head keeps budget / group tokens. Generated tokens are read
 * by every head of the group: a step costs group tokens more for each.
 *
 * Where this differs from the official code, and why:
 * - rows that several heads keep are stored once, with a list per query head; officially K and V are repeated first;
 * - a capacity that the window would fill leaves the window all but one token, so that there is a vote; officially only
 *   the window would be left;
 * - kept tokens stay in the order of their positions.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { voting } from "./parameters.ts";
import { evictIfNeeded, voteStage } from "./stages.ts";

const WINDOW = 32, KERNEL = 7;

export const snapkvHead: Method = defineMethod({
  name: "snapkv-head",
  summary: "snapkv with a choice of its own for every query head",
  paper: "SnapKV, NeurIPS 2024, arXiv:2404.14469",
  parameters: voting({
    promptBudget: "floor(budget / group), at least 1, per query head",
    window: WINDOW,
    windowLimit: "at most prompt_budget - 1",
    kernel: KERNEL,
  }),
  plan(input) {
    const promptBudget = input.set["prompt_budget"] ?? Math.max(1, Math.floor(input.tokenBudget / input.group));
    const window = Math.max(1, Math.min(WINDOW, promptBudget - 1));
    const vote = voteStage(input, { promptBudget, window, kernel: KERNEL });
    return evictIfNeeded({ ...vote, agree: "head" }, input.promptTokens);
  },
});
