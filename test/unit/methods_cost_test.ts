import assert from "node:assert/strict";
import { type CostInput, type ModelShape, planCost } from "../../lib/methods/cost.ts";
import { kvFormat } from "../../lib/methods/kv_format.ts";
import { DENSE, type LayerPlans } from "../../lib/methods/plan.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

/** Llama-3.1-8B. */
const LLAMA: ModelShape = { nLayers: 32, nHeads: 32, nKvHeads: 8, headDim: 128, slidingWindow: 0 };

/** Bytes of one token's K and V in all layers and KV heads, bf16. */
const TOKEN = 32 * 8 * 2 * 128 * 2;

/** Cost of plans for Llama with a bf16 cache. */
function costOf(plans: LayerPlans, promptTokens: number, newTokens: number, changes: Partial<CostInput> = {}) {
  return planCost(plans, { shape: LLAMA, promptTokens, newTokens, format: kvFormat("bf16", 128), ...changes });
}

function planFor(name: string, tokenBudget: number, promptTokens: number, newTokens: number, set = {}): LayerPlans {
  const shape = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };
  return findMethod(name).plan({ tokenBudget, promptTokens, newTokens, ...shape, set, files: methodFiles(shape) });
}

Deno.test("planCost() of the full cache counts every token once", () => {
  assert.deepEqual(costOf([DENSE], 1000, 24), {
    kept: 1000,
    capacity: 1024,
    attended: 1024,
    kvBytes: 1024 * TOKEN,
    boundsBytes: 0,
    indexBytes: 0,
    accumulatorBytes: 0,
    valueSumBytes: 0,
    first: { scoreBytes: 0, attendBytes: 1001 * TOKEN },
    last: { scoreBytes: 0, attendBytes: 1024 * TOKEN },
    prefillPeakBytes: 1000 * TOKEN,
  });
});

Deno.test("planCost() of rocketkv gives the published storage and the budget's reads", () => {
  const cost = costOf(planFor("rocketkv", 256, 96262, 50), 96262, 50);
  assert.equal(cost.capacity, 1401);
  assert.equal(cost.boundsBytes / TOKEN, 467);
  assert.equal(cost.attended, 128);
  const full = costOf([DENSE], 96262, 50);
  assert.equal(((cost.kvBytes + cost.boundsBytes) / full.kvBytes).toFixed(4), "0.0194");
  // 467 pages of 70 dims are 127.7 tokens' worth, and 128 are attended: 255.7 of the 256 that were asked for.
  assert.equal(cost.last.scoreBytes / TOKEN, 467 * 70 / 256);
  assert.equal(cost.last.attendBytes / TOKEN, 128);
  assert(cost.first.scoreBytes < cost.last.scoreBytes);
});

Deno.test("planCost() keeps one layer full while a prompt is compressed layer by layer", () => {
  const cost = costOf(planFor("rocketkv", 256, 96262, 50), 96262, 50);
  assert.equal(cost.prefillPeakBytes, 1351 * TOKEN + 96262 * TOKEN / 32);
  const kept = costOf(planFor("hsa", 256, 96262, 50), 96262, 50);
  assert.equal(kept.prefillPeakBytes, 96262 * TOKEN);
});

Deno.test("planCost() of a kept history stores everything and an index, and reads as little", () => {
  const set = { window: 32 };
  const mt = costOf(planFor("rocketkv-mt", 256, 16256, 128, set), 16256, 128);
  const single = costOf(planFor("rocketkv", 256, 16256, 128), 16256, 128);
  assert.equal(mt.kvBytes, 16384 * TOKEN);
  assert.equal(mt.indexBytes, 32 * 8 * 4 * 1595);
  assert.equal(mt.prefillPeakBytes, 16256 * TOKEN);
  assert.deepEqual([mt.kept, mt.last, mt.boundsBytes], [single.kept, single.last, single.boundsBytes]);
});

Deno.test("planCost() of streaming never grows beyond the budget", () => {
  const cost = costOf(planFor("streaming", 256, 16256, 128), 16256, 128);
  assert.equal(cost.capacity, 256);
  assert.deepEqual(cost.first, { scoreBytes: 0, attendBytes: 256 * TOKEN });
  assert.deepEqual(cost.last, cost.first);
  assert.equal(cost.kvBytes, 256 * TOKEN);
});

Deno.test("planCost() charges an oracle all keys and a list per query head", () => {
  const each = costOf(planFor("oracle", 256, 16256, 128), 16256, 128);
  const group = costOf(planFor("oracle-group", 256, 16256, 128), 16256, 128);
  assert.equal(each.last.scoreBytes, 16384 * TOKEN / 2);
  assert.equal(each.last.attendBytes, 4 * 256 * TOKEN);
  assert.equal(group.last.attendBytes, 256 * TOKEN);
});

Deno.test("planCost() counts both planes for signs per head, and whole pages rounded down", () => {
  const [group] = planFor("hsa", 256, 16256, 128);
  const cost = costOf([group], 16256, 128);
  const head = costOf([{ ...group, sign: "head" }], 16256, 128);
  assert.equal(head.last.scoreBytes, 2 * cost.last.scoreBytes);
  const whole = costOf([{ ...group, wholePages: true, pageSize: 3, topK: 128 }], 16256, 128);
  assert.equal(whole.attended, 126);
});

Deno.test("planCost() counts dense layers in full", () => {
  const plan = planFor("rocketkv", 256, 16256, 128, { dense_layers: 2 });
  const cost = costOf(plan, 16256, 128);
  const layer = TOKEN / 32;
  assert.equal(cost.kvBytes, 2 * 16384 * layer + 30 * 1595 * layer);
  assert.equal(cost.last.attendBytes, 2 * 16384 * layer + 30 * 128 * layer);
});

Deno.test("planCost() reads no further than the sliding window", () => {
  const cost = costOf([DENSE], 1000, 24, { shape: { ...LLAMA, slidingWindow: 512 } });
  assert.equal(cost.last.attendBytes, 512 * TOKEN);
  assert.equal(cost.kvBytes, 1024 * TOKEN);
});

Deno.test("planCost() of a choice per query head counts every list, and rows that heads share once", () => {
  const plans = planFor("snapkv-head", 1024, 16256, 128);
  const cost = costOf(plans, 16256, 128);
  assert.deepEqual([plans[0].keep, cost.kept, cost.capacity], [256, 256, 384]);
  assert.equal(cost.last.attendBytes, 4 * 384 * TOKEN);
  // At worst the four lists have nothing but the window in common.
  assert.equal(cost.kvBytes, (4 * (256 - 32) + 32 + 128) * TOKEN);
  assert.equal(cost.indexBytes, 32 * 8 * 4 * 4 * 384);
});

Deno.test("planCost() of eviction by attention counts the current token and the sums that go on", () => {
  const h2o = costOf(planFor("h2o", 256, 16256, 128), 16256, 128);
  assert.deepEqual([h2o.kept, h2o.capacity, h2o.attended], [255, 255, 256]);
  assert.equal(h2o.accumulatorBytes, 32 * 8 * 4 * 255);
  assert.equal(h2o.last.scoreBytes, 128 * TOKEN + 32 * 8 * 4 * 256);
  const tova = costOf(planFor("tova", 256, 16256, 128), 16256, 128);
  assert.deepEqual(tova.last, { scoreBytes: 128 * TOKEN, attendBytes: 256 * TOKEN });
});

Deno.test("planCost() is the mean over layers and heads that differ", () => {
  const pyramid = costOf(planFor("pyramidkv", 2048, 16256, 128), 16256, 128);
  assert.deepEqual([pyramid.kept, pyramid.kvBytes], [2048, (2048 + 128) * TOKEN]);
  const duo = costOf(planFor("duoattention", 2048, 16256, 128), 16256, 128);
  const share = 23 / 256; // round(256 * (2048 - 640) / (16384 - 640))
  assert.equal(duo.kept, share * 16256 + (1 - share) * 640);
  assert.equal(duo.last.attendBytes / TOKEN, share * 16384 + (1 - share) * 640);
});

Deno.test("planCost() of a quantised cache counts codes and scales behind the residual", () => {
  const format = kvFormat("int4", 128);
  const cost = costOf([DENSE], 1000, 24, { format });
  // 1024 tokens, 128 of them as they are; of the others 4 bits and a share of two f16 numbers for every element.
  const bytes = 128 + 896 * (0.5 + 4 / 32) / 2;
  assert.equal(cost.kvBytes, bytes * TOKEN);
  assert.equal(cost.last.attendBytes, bytes * TOKEN);
});

Deno.test("planCost() scales with the element size alone", () => {
  const plan = planFor("rocketkv", 256, 16256, 128);
  const [half, whole] = (["bf16", "f32"] as const).map((type) =>
    costOf(plan, 16256, 128, { format: kvFormat(type, 128) })
  );
  assert.equal(whole!.kvBytes, 2 * half!.kvBytes);
  assert.equal(whole!.last.scoreBytes, 2 * half!.last.scoreBytes);
  assert.equal(whole!.attended, half!.attended);
});
