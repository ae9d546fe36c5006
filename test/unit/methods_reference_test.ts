/** Methods at work on the reference model: what their plans do to a cache and to logits. */

import assert from "node:assert/strict";
import type { PlanInput } from "../../lib/methods/method.ts";
import { type LayerPlans, type Plan, planOfLayer } from "../../lib/methods/plan.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";
import { keepBest, selectTokens, vote } from "../reference/attention.ts";
import { ReferenceModel } from "../reference/model.ts";
import { range, type Row } from "../reference/ops.ts";
import { random, randomRows } from "../reference/random.ts";
import { randomWeights, tinyConfig } from "../reference/weights.ts";

const config = tinyConfig();
const weights = randomWeights(config, 1);

function tokens(n: number, seed: number): number[] {
  const next = random(seed);
  return range(0, n).map(() => Math.floor(next() * config.vocabSize));
}

function plansFor(name: string, changes: Partial<PlanInput>): LayerPlans {
  const shape = { headDim: config.headDim, group: 2, nLayers: config.nLayers, nKvHeads: config.nKvHeads };
  const files = methodFiles(shape);
  return findMethod(name).plan({
    tokenBudget: 16,
    promptTokens: 80,
    newTokens: 8,
    set: {},
    files,
    ...shape,
    ...changes,
  });
}

/** The plan of a method that has the same for all layers. */
function planFor(name: string, changes: Partial<PlanInput>): Plan {
  return plansFor(name, changes)[0];
}

function prefilled(n: number, seed: number): ReferenceModel {
  const model = new ReferenceModel(config, weights);
  model.prefill(tokens(n, seed));
  return model;
}

const COMPOSED = ["adakv", "criticalkv", "adakv(criticalkv(snapkv))", "adakv(expected-attention)", "adakv(pyramidkv)"];

for (const { name } of [...methods, ...COMPOSED.map(findMethod)]) {
  Deno.test(`${name} at a budget that holds everything equals the full cache to the last bit`, () => {
    const model = prefilled(20, 1);
    const full = model.fork();
    model.compress(plansFor(name, { tokenBudget: 28, promptTokens: 20 }));
    full.compress(planFor("full", {}));
    for (const token of tokens(8, 2)) assert.deepEqual(model.decode(token), full.decode(token));
  });

  Deno.test(`${name} runs at every small budget and prompt, and attends to no more than it should`, () => {
    for (const promptTokens of [1, 2, 31, 33, 70]) {
      const whole = prefilled(promptTokens, 3);
      for (const tokenBudget of [1, 2, 3, 16]) {
        const model = whole.fork();
        const plans = plansFor(name, { tokenBudget, promptTokens });
        model.compress(plans);
        const logits = [model.decode(1), model.decode(2)].at(-1)!;
        assert(logits.every(Number.isFinite), `${promptTokens} tokens at ${tokenBudget}`);
        const plan = planOfLayer(plans, 1);
        if (plan.select !== "all") assert(model.selected(1, 3).length <= plan.topK);
        // Dropping by attention comes after attending: there is the current token and at least one more.
        const least = plan.stepEvict === "oldest" ? 1 : 2;
        const dense = plan.denseHeads.includes(1);
        if (plan.stepKeep > 0 && !dense) assert(model.selected(1, 3).length <= Math.max(least, tokenBudget));
        assert(model.selected(1, 3).length >= 1);
      }
    }
  });
}

Deno.test("rocketkv keeps its prompt budget and then always writes behind it", () => {
  const plan = planFor("rocketkv", { promptTokens: 300 });
  const model = prefilled(300, 4);
  model.compress(plan);
  for (const [step, token] of tokens(8, 5).entries()) {
    model.decode(token);
    const cached = model.cached(1, 0);
    assert.equal(cached.length, plan.keep + step + 1);
    assert.deepEqual(cached.slice(-(plan.window + step + 1)), range(300 - plan.window, 301 + step));
    assert.equal(model.selected(1, 0).length, plan.topK);
  }
});

Deno.test("rocketkv and rocketkv-mt give the same first turn", () => {
  const model = prefilled(300, 6);
  const history = model.fork();
  model.compress(planFor("rocketkv", { promptTokens: 300 }));
  history.compress(planFor("rocketkv-mt", { promptTokens: 300, set: { window: 32 } }));
  for (const token of tokens(4, 7)) assert.deepEqual(history.decode(token), model.decode(token));
  assert.deepEqual(history.cached(0, 1), model.cached(0, 1));
});

// Turns of 10 and 4 tokens, 3 generated, 6 kept, window 2.
Deno.test("rocketkv-mt plans a turn over the whole history, rocketkv over what it kept", () => {
  const set = { prompt_budget: 6, window: 2, kernel: 1 };
  const later = (name: string, cached: number): ReferenceModel => {
    const first = planFor(name, { tokenBudget: 4, promptTokens: 10, newTokens: 3, set });
    assert.equal(first.keep, 6);
    const model = prefilled(10, 8);
    model.compress(first);
    for (const token of [1, 2, 3]) model.decode(token);
    model.prefill(tokens(4, 9));
    assert.equal(model.cached(1, 1).length, cached);
    model.compress(planFor(name, { tokenBudget: 4, promptTokens: cached, newTokens: 3, set }));
    assert.equal(model.cached(1, 1).length, 6);
    return model;
  };
  later("rocketkv-mt", 17);
  later("rocketkv", 13);
});

Deno.test("oracle equals the full cache when every head's best tokens are all that is cached", () => {
  const model = prefilled(30, 10);
  const full = model.fork();
  model.compress(planFor("oracle", { promptTokens: 30, newTokens: 8, set: { top_k: 38 } }));
  full.compress(planFor("full", {}));
  assert.deepEqual(model.decode(1), full.decode(1));
});

Deno.test("hsa with single tokens and all dims chooses what the oracle of the group does for one query head", () => {
  const k = randomRows(200, 16, 11);
  const q = randomRows(1, 16, 12);
  const hsa = { ...planFor("hsa", {}), pageSize: 1, queryDims: 16, topK: 12 };
  const oracle = { ...planFor("oracle-group", {}), topK: 12 };
  assert.deepEqual(selectTokens(q, k, hsa), selectTokens(q, k, oracle));
});

Deno.test("a needle that the window sees survives rocketkv's eviction and is chosen at a budget of 64", () => {
  const [headDim, promptTokens, newTokens, at] = [64, 4000, 32, 1234];
  const k = randomRows(promptTokens, headDim, 13);
  const [query] = randomRows(1, headDim, 14);
  const unit = query!.map((x) => x / Math.hypot(...query!));
  k[at] = unit.map((x) => 4 * 8 * x); // 4 times the query direction, keys having norm 8
  const group = (scale: number): Row[] => [0, 1].map(() => unit.map((x) => scale * x));
  const plan = planFor("rocketkv", { tokenBudget: 64, promptTokens, newTokens, headDim });

  const votes = vote(range(0, plan.window).map(() => group(8)), k, range(0, promptTokens), 0);
  const prefix = promptTokens - plan.window;
  const best = keepBest(votes, plan.keep - plan.window, plan.sinks, plan.pool, plan.poolWidth);
  assert(best.includes(at), "the needle was evicted");
  assert.equal(best.length + plan.window, plan.keep);

  const kept = [...best, ...range(prefix, promptTokens)];
  const [chosen] = selectTokens(group(8), kept.map((s) => k[s]!), plan);
  assert(chosen!.map((c) => kept[c]).includes(at), "the needle was not chosen");
  assert.equal(chosen!.length, 32);
});
