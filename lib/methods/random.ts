/**
 * Random eviction: keep tokens by a hash of their position. The floor of every table: a method that is not better has
 * learned nothing from the prompt (the control of KVPress, arXiv:2510.00636).
 *
 * Where this differs from the official code, and why: scores come from a hash of seed, layer, KV head and position, so
 * that runs can be repeated on any device.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { COUNT, promptBudget, recent, sinks } from "./parameters.ts";
import { evictIfNeeded, scoreStage } from "./stages.ts";

export const random: Method = defineMethod({
  name: "random",
  summary: "evict once, keep random tokens: quality floor",
  paper: "Control of KVPress, arXiv:2510.00636",
  parameters: [
    promptBudget("budget"),
    { name: "random_seed", unit: "number", help: "seed of the choice", default: "0", ...COUNT },
    sinks("0"),
    recent("0"),
  ],
  scoresHeads: true,
  plan(input) {
    const plan = scoreStage(input, "random", { keep: input.tokenBudget, sinks: 0 });
    return evictIfNeeded({ ...plan, seed: input.set["random_seed"] ?? 0 }, input.promptTokens);
  },
});
