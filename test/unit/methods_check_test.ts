import assert from "node:assert/strict";
import { checkPlans } from "../../lib/methods/check.ts";
import { DENSE, type LayerPlans, type Plan } from "../../lib/methods/plan.ts";

const SHAPE = { headDim: 128, nLayers: 4, nKvHeads: 8 };
const VOTES = { evict: "score", keep: 100, window: 32, recent: 32 } as const;
const STEPS = { evict: "score", score: "attention", keep: 10, stepKeep: 10, stepEvict: "attention" } as const;
const PAGES = { select: "pages", topK: 16, pageSize: 4, queryDims: 8 } as const;

const check = (...plans: [Partial<Plan>, ...Partial<Plan>[]]) => {
  const [first, ...rest] = plans.map((plan) => ({ ...DENSE, ...plan }));
  checkPlans("x", [first!, ...rest] as LayerPlans, SHAPE);
};

Deno.test("checkPlans() takes what the library takes", () => {
  check({});
  check(VOTES, {}, { ...VOTES, keep: 32 }, PAGES);
  check({ ...VOTES, ...PAGES, keepHistory: true, alloc: "ada", safeguard: 0.2, critical: 0.5, agree: "max" });
  check({ ...STEPS, stepRecent: 5, sinks: 5 });
  check({ evict: "recent", keep: 10, sinks: 9, stepKeep: 10, shiftPositions: true, denseHeads: [0, 7] });
});

Deno.test("checkPlans() refuses what the library would refuse, in the words of --set", () => {
  const cases: readonly (readonly [plan: Partial<Plan>, reason: string])[] = [
    [{ ...VOTES, keep: 0 }, "the prompt budget must be >= 1: found 0"],
    [{ ...VOTES, window: 129 }, "window must be between 1 and 128: found 129"],
    [{ ...VOTES, keep: 31 }, "window must be <= prompt_budget: found 32 and 31"],
    [{ ...VOTES, window: 31 }, "tokens that are always kept must be <= window: found 32 and 31"],
    [{ ...VOTES, sinks: 69 }, "sinks + window must be <= prompt_budget: found 69 + 32 and 100"],
    [{ ...VOTES, score: "random", sinks: 69 }, "sinks + recent must be <= the budget: found 69 + 32 and 100"],
    [{ ...VOTES, poolWidth: 2 }, "kernel must be odd: found 2"],
    [{ ...VOTES, future: 0 }, "future must be >= 1: found 0"],
    [{ ...VOTES, lag: 0 }, "lag must be >= 1: found 0"],
    [{ ...VOTES, valueEpsilon: -1 }, "epsilon must be >= 0: found -1"],
    [{ ...VOTES, safeguard: 2 }, "safeguard must be between 0 and 1: found 2"],
    [{ ...VOTES, critical: -0.5 }, "critical must be between 0 and 1: found -0.5"],
    [{ ...VOTES, alloc: "ada", agree: "head" }, "budgets per head need scores per KV head: found agree head"],
    [{ ...VOTES, alloc: "ada", stepKeep: 100 }, "budgets per head exclude eviction at every step: found 100 tokens"],
    [{ ...STEPS, agree: "max" }, "attention so far is a sum over the group: found agree max"],
    [{ ...VOTES, score: "expected", agree: "head" }, "expected attention is scored per KV head: found agree head"],
    [
      { ...VOTES, agree: "head", stepKeep: 100 },
      "a choice per query head excludes eviction at every step: found 100 tokens",
    ],
    [{ evict: "recent", keep: 4, sinks: 4 }, "sinks must be below the budget: found 4 and 4"],
    [{ ...STEPS, sinks: 6, stepRecent: 5 }, "sinks + recent must be <= the budget: found 6 + 5 and 10"],
    [{ ...STEPS, keep: 11 }, "eviction at every step needs a cache that fits: found 11 and 10"],
    [{ ...STEPS, ...PAGES }, "eviction at every step excludes pages: found select pages"],
    [{ ...STEPS, keepHistory: true }, "eviction at every step excludes keeping the history: found both"],
    [{ shiftPositions: true }, "shift needs eviction of the oldest tokens: found evict none"],
    [{ ...PAGES, pinRecent: 17 }, "pin_sinks + pin_recent must be <= top_k: found 0 + 17 and 16"],
    [{ ...PAGES, queryDims: 129 }, "query_dims must be between 1 and the head dim 128: found 129"],
    [{ ...PAGES, pageSize: 0 }, "page_size must be >= 1: found 0"],
    [{ ...PAGES, topK: 0 }, "top_k must be >= 1: found 0"],
    [
      { ...PAGES, wholePages: true, pinRecent: 13 },
      "whole_pages needs pin_sinks + pin_recent + page_size <= top_k: found 17 and 16",
    ],
    [{ meanValue: true }, "mean_value needs pages of a whole group: found select all"],
    [{ denseHeads: [8] }, "heads that are left alone must be below 8: found 8"],
  ];
  for (const [plan, reason] of cases) {
    assert.throws(() => check(plan), { name: "UsageError", message: `Cannot plan x: ${reason}` });
    assert.throws(() => check({}, {}, {}, plan), { message: `Cannot plan x: ${reason}` }, "in the last layer");
  }
  assert.throws(() => check({}, {}), {
    message: "Cannot plan x: there must be one plan, or one for each layer: found 2 plans and 4 layers",
  });
});
