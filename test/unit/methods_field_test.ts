/** Numbers that published methods become at a budget. */

import assert from "node:assert/strict";
import { duoSplit, retrievalHeads } from "../../lib/methods/duoattention.ts";
import type { PlanInput } from "../../lib/methods/method.ts";
import { DENSE, type LayerPlans, type Plan } from "../../lib/methods/plan.ts";
import { pyramid } from "../../lib/methods/pyramidkv.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

const SHAPE = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };

/** Llama-3.1-8B with a 16K prompt at 64x, unless changed. */
function plans(name: string, changes: Partial<PlanInput> = {}): LayerPlans {
  const usual = { tokenBudget: 256, promptTokens: 16256, newTokens: 128, set: {}, files: methodFiles(SHAPE) };
  return findMethod(name).plan({ ...usual, ...SHAPE, ...changes });
}

const plan = (name: string, changes: Partial<PlanInput> = {}): Plan => plans(name, changes)[0];
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

Deno.test("pyramid() gives the official layers, but for what rounding adds, which layer 0 loses", () => {
  // Mean 2048 with a window of 8: officially 3978 - 125 l tokens, 65,296 in all, 16 more than 32 * 2040.
  const layers = pyramid(2040, 100_000, 32);
  const official = Array.from({ length: 32 }, (_, l) => 3978 - 125 * l);
  assert.equal(sum(official), 65_296);
  assert.deepEqual(layers, official.with(0, 3978 - 16));
  assert.equal(sum(layers), 65_280);
});

Deno.test("pyramid() lets low layers keep no more than there is, and stays a pyramid of the same sum", () => {
  assert.deepEqual([pyramid(100, 150, 3).at(0), pyramid(100, 150, 3).at(-1)], [150, 50]);
  for (const [base, prefix, nLayers] of [[10, 1000, 32], [0, 50, 4], [1, 2, 5], [248, 16248, 32], [99, 120, 7]]) {
    const layers = pyramid(base!, prefix!, nLayers!);
    assert.equal(sum(layers), base! * nLayers!);
    assert.deepEqual(layers, layers.toSorted((a, b) => b - a));
    assert(layers.at(-1)! >= 0 && layers[0]! <= prefix!);
  }
  assert.deepEqual(pyramid(7, 100, 1), [7]);
});

Deno.test("pyramidkv shapes long prompts only, and keeps the budget on average", () => {
  const keeps = plans("pyramidkv").map(({ keep }) => keep);
  assert.deepEqual([keeps.length, sum(keeps) / 32, keeps[0], keeps.at(-1)], [32, 256, 488, 24]);
  const flat = plans("pyramidkv", { promptTokens: 400 }).map(({ keep }) => keep);
  assert.deepEqual(flat, Array(32).fill(256));
  assert.deepEqual(plan("pyramidkv", { promptTokens: 250 }), DENSE);
});

Deno.test("snapkv-head divides the budget by the group, and leaves room for a vote", () => {
  const expected = { ...DENSE, evict: "score", keep: 64, window: 32, recent: 32, poolWidth: 7, agree: "head" } as const;
  assert.deepEqual(plan("snapkv-head"), expected);
  const narrow = (tokenBudget: number) => {
    const { keep, window } = plan("snapkv-head", { tokenBudget });
    return [keep, window];
  };
  assert.deepEqual([132, 128, 8, 4, 3, 1].map(narrow), [[33, 32], [32, 31], [2, 1], [1, 1], [1, 1], [1, 1]]);
});

Deno.test("h2o halves the budget between heavy and recent tokens, the current one included", () => {
  const { keep, recent, stepKeep, stepRecent, stepEvict, score } = plan("h2o");
  assert.deepEqual([keep, recent, stepKeep, stepRecent, stepEvict, score], [
    255,
    128,
    255,
    128,
    "attention",
    "attention",
  ]);
  const small = [1, 2, 3, 4].map((tokenBudget) => plan("h2o", { tokenBudget }));
  assert.deepEqual(small.map((p) => [p.stepKeep, p.stepRecent]), [[1, 0], [1, 0], [2, 1], [3, 2]]);
});

Deno.test("tova decides by layer, or by KV head when asked to", () => {
  const { agree, window, recent, poolWidth, stepEvict, stepKeep } = plan("tova");
  assert.deepEqual([agree, window, recent, poolWidth, stepEvict, stepKeep], ["layer", 1, 0, 1, "current", 255]);
  assert.equal(plan("tova", { set: { per_head: 1 } }).agree, "sum");
});

Deno.test("streaming shifts positions when asked to", () => {
  assert.equal(plan("streaming").shiftPositions, false);
  assert.equal(plan("streaming", { set: { shift: 1 } }).shiftPositions, true);
});

Deno.test("duoSplit() meets the budget on average, or makes every head stream", () => {
  assert.deepEqual(duoSplit(1024, 131_072), { sinks: 128, recent: 512, share: 384 / 130_432 });
  const { share } = duoSplit(4096, 16_384);
  assert.equal(share * 16_384 + (1 - share) * 640, 4096);
  assert.deepEqual(duoSplit(640, 8192), { sinks: 128, recent: 512, share: 0 });
  assert.deepEqual(duoSplit(257, 8192), { sinks: 128, recent: 129, share: 0 });
  assert.deepEqual(duoSplit(256, 8192), { sinks: 51, recent: 205, share: 0 });
  assert.deepEqual(duoSplit(1, 8192), { sinks: 0, recent: 1, share: 0 });
});

Deno.test("retrievalHeads() takes the largest gates of all layers, and always the same of equal ones", () => {
  const gates = { path: "x", gates: [[0.1, 0.9, 0.3], [0.8, 0.2, 0.7]] };
  assert.deepEqual(retrievalHeads(gates, 0.5), [[1], [0, 2]]);
  assert.deepEqual(retrievalHeads(gates, 0), [[], []]);
  assert.deepEqual(retrievalHeads(gates, 1), [[0, 1, 2], [0, 1, 2]]);
  const equal = { path: "x", gates: Array.from({ length: 8 }, () => Array<number>(8).fill(1)) };
  const half = retrievalHeads(equal, 0.5);
  assert.equal(sum(half.map((heads) => heads.length)), 32);
  assert.deepEqual(half, retrievalHeads(equal, 0.5));
  assert(half.every((heads) => heads.length < 8), "equal gates are spread over the layers");
});

Deno.test("duoattention leaves the retrieval heads of every layer alone", () => {
  const all = plans("duoattention", { tokenBudget: 4096 });
  const found = all.flatMap(({ denseHeads }, layer) => denseHeads.map((head) => [layer, head] as const));
  assert.equal(found.length, Math.round(256 * (4096 - 640) / (16_384 - 640)));
  const { gates } = methodFiles(SHAPE).gates;
  const least = Math.min(...found.map(([layer, head]) => gates[layer]![head]!));
  const left = gates.flatMap((row, l) => row.filter((_, h) => !all[l]!.denseHeads.includes(h)));
  assert(Math.max(...left) <= least);
  for (const { keep, stepKeep, sinks } of all) assert.deepEqual([keep, stepKeep, sinks], [640, 640, 128]);
  assert.equal(plans("duoattention", { set: { retrieval: 1 } })[0], DENSE);
});

Deno.test("duoattention says what it needs and what does not fit", () => {
  assert.throws(() => plans("duoattention", { files: {}, tokenBudget: 1e6 }), {
    name: "UsageError",
    message: /^Cannot plan duoattention: expected the gates of the model, found none: pass --method-file gates=/,
  });
  assert.throws(() => plans("duoattention", { files: methodFiles({ ...SHAPE, nLayers: 28 }) }), {
    name: "UsageError",
    message: "Cannot use the gates heads.tsv: expected 32 lines of 8 gates, found 28 of 8",
  });
});

Deno.test("quest-official takes whole pages of 16 per query head, and leaves two layers alone", () => {
  const [first, second, third] = plans("quest-official");
  assert.deepEqual([first, second], [DENSE, DENSE]);
  assert.deepEqual(third, {
    ...DENSE,
    select: "pages",
    pageSize: 16,
    queryDims: 128,
    topK: 256,
    rank: "per_head",
    sign: "head",
    wholePages: true,
    pinRecent: 16,
  });
  assert.equal(plans("quest-official", { tokenBudget: 1 })[2]!.topK, 32);
  assert.equal(plans("quest-official", { tokenBudget: 270 })[2]!.topK, 256);
});

Deno.test("sparq-official at 8x is the authors' setting: an eighth of the dims, a sixteenth of the tokens", () => {
  const found = plan("sparq-official", { tokenBudget: 2048 });
  assert.deepEqual([found.queryDims, found.topK, found.pinRecent], [16, 1024, 256]);
  assert.deepEqual([found.rank, found.meanValue, found.pageSize], ["logit_sum", true, 1]);
});

Deno.test("expected-attention needs a query to expect anything from", () => {
  assert.equal(plan("expected-attention", { promptTokens: 5, tokenBudget: 2 }).score, "expected");
  assert.deepEqual(plan("expected-attention", { promptTokens: 4, tokenBudget: 2 }), {
    ...DENSE,
    evict: "recent",
    keep: 2,
  });
});

Deno.test("auto goes by compression", () => {
  const at = (tokenBudget: number, set = {}) => plan("auto", { tokenBudget, set });
  assert.deepEqual(at(16_384), DENSE);
  assert.deepEqual(at(2048), plan("hsa", { tokenBudget: 2048 }));
  assert.deepEqual(at(2047), plan("rocketkv", { tokenBudget: 2047 }));
  assert.deepEqual(at(2047, { evict_above: 16, window: 8 }), plan("hsa", { tokenBudget: 2047 }));
});

Deno.test("minference takes a pattern for every query head, at least as wide as its kernels do", () => {
  const input = { tokenBudget: 256, promptTokens: 1000, newTokens: 10, ...SHAPE, set: {} };
  const minference = findMethod("minference");
  const usual = minference.patterns!(input);
  assert.deepEqual([usual.length, usual[0]!.length], [32, 32]);
  assert.deepEqual(usual[31]![31], { kind: "vertical_slash", first: 1000, second: 6096 });
  const narrow = minference.patterns!({ ...input, set: { vertical: 5, slash: 7, dense_layers: 1 } });
  assert.deepEqual(narrow[0], [{ kind: "dense", first: 0, second: 0 }]);
  assert.deepEqual(narrow[1]![0], { kind: "vertical_slash", first: 30, second: 50 });
  const file = minference.patterns!({ ...input, files: methodFiles(SHAPE) });
  assert.deepEqual(file[3]!.slice(0, 2).map(({ first }) => first), [1000, 30]);
});
