import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import type { ModelConfig } from "../../lib/model/types.ts";
import { ReferenceModel } from "../reference/model.ts";
import { dot, range, rmsNorm, type Row, softmax } from "../reference/ops.ts";
import { random, randomRows } from "../reference/random.ts";
import { rotate } from "../reference/rope.ts";
import { randomWeights, tinyConfig } from "../reference/weights.ts";

function close(a: Row, b: Row, tolerance = 1e-10): void {
  assert.equal(a.length, b.length);
  a.forEach((x, i) => assert(Math.abs(x - b[i]!) <= tolerance, `[${i}] is ${x}, expected ${b[i]}`));
}

function tokens(n: number, seed: number, vocabSize = 64): number[] {
  const next = random(seed);
  return range(0, n).map(() => Math.floor(next() * vocabSize));
}

const tiny = (changes: Partial<ModelConfig> = {}): ReferenceModel => {
  const config = tinyConfig(changes);
  return new ReferenceModel(config, randomWeights(config, 1));
};

const snapkv = (numbers: Partial<Plan> = {}): Plan => ({
  ...DENSE,
  evict: "score",
  keep: 20,
  window: 4,
  recent: numbers.window ?? 4,
  poolWidth: 3,
  ...numbers,
});

Deno.test("softmax() sums to 1 and survives large scores", () => {
  const weight = softmax(Float64Array.of(1000, 999, -Infinity));
  assert.equal(weight[2], 0);
  assert(Math.abs(weight[0]! + weight[1]! - 1) < 1e-15);
});

Deno.test("rmsNorm() leaves a mean square of 1", () => {
  const [x] = randomRows(1, 16, 1);
  const y = rmsNorm(x!, new Float64Array(16).fill(1), 0);
  assert(Math.abs(dot(y, y) / 16 - 1) < 1e-12);
});

for (const interleaved of [false, true]) {
  const layout = interleaved ? "interleaved" : "half-split";
  const rope = { ...tinyConfig().rope, interleaved };

  Deno.test(`rotate() makes ${layout} scores depend on the distance alone`, () => {
    const [q, k] = randomRows(2, 8, 2);
    const score = (a: number, b: number) => dot(rotate(q!, a, rope), rotate(k!, b, rope));
    assert(Math.abs(score(7, 3) - score(1007, 1003)) < 1e-10);
    assert(Math.abs(score(7, 3) - score(7, 4)) > 1e-3);
  });

  Deno.test(`rotate() turns ${layout} pairs by their own angle`, () => {
    const turned = rotate(Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0), 5, rope);
    const want = new Float64Array(8);
    want[0] = Math.cos(5);
    want[interleaved ? 1 : 4] = Math.sin(5);
    close(turned, want, 1e-15);
  });
}

Deno.test("rotate() leaves the dims beyond the rotated ones and scales by the attention factor", () => {
  const rope = { ...tinyConfig().rope, dims: 4, invFreq: Float64Array.of(1, .1), attentionFactor: 2 };
  const turned = rotate(new Float64Array(8).fill(1), 0, rope);
  assert.deepEqual([...turned], [2, 2, 2, 2, 1, 1, 1, 1]);
});

// A decode step cannot see later tokens, so this also says that prefill is causal.
for (
  const [name, changes] of Object.entries<Partial<ModelConfig>>({
    "plain": {},
    "sliding window": { slidingWindow: 5 },
    "QKV bias and QK norm": { qkvBias: true, qkNorm: true },
    "one head per group and wide heads": { nKvHeads: 4, headDim: 16 },
  })
) {
  Deno.test(`ReferenceModel gives the same logits for one prefill, chunks and decode steps (${name})`, () => {
    const prompt = tokens(20, 5);
    const whole = tiny(changes).prefill(prompt);
    const chunked = tiny(changes);
    chunked.prefill(prompt.slice(0, 9));
    close(chunked.prefill(prompt.slice(9)), whole);
    const stepped = tiny(changes);
    stepped.prefill(prompt.slice(0, 15));
    stepped.compress(DENSE);
    let logits = new Float64Array();
    for (const token of prompt.slice(15)) logits = Float64Array.from(stepped.decode(token));
    close(logits, whole);
  });
}

Deno.test("ReferenceModel looks back no further than the sliding window", () => {
  const model = tiny({ nLayers: 1, slidingWindow: 5 });
  const prompt = tokens(20, 6);
  const logits = model.prefill(prompt);
  const other = tiny({ nLayers: 1, slidingWindow: 5 });
  close(other.prefill([...tokens(15, 7), ...prompt.slice(15)]), logits);
  model.compress(DENSE);
  model.decode(1);
  assert.deepEqual(model.selected(0, 3), range(16, 21));
});

Deno.test("ReferenceModel uses the embedding as head when there is none", () => {
  const config = tinyConfig();
  const weights = new Map(randomWeights(config, 1));
  weights.set("lm_head", weights.get("embed")!);
  const untied = new ReferenceModel(config, weights).prefill([1, 2, 3]);
  weights.delete("lm_head");
  close(new ReferenceModel(config, weights).prefill([1, 2, 3]), untied, 0);
});

Deno.test("ReferenceModel.compress() keeps exactly `keep` positions: sinks, the best, and the window", () => {
  const model = tiny();
  model.prefill(tokens(60, 8));
  model.compress(snapkv({ sinks: 3 }));
  // Query heads 0 and 2 look at different KV heads.
  const kept = [0, 1].flatMap((layer) => [0, 2].map((head) => model.cached(layer, head)));
  for (const positions of kept) {
    assert.equal(positions.length, 20);
    assert.deepEqual(positions.slice(0, 3), [0, 1, 2]);
    assert.deepEqual(positions.slice(-4), [56, 57, 58, 59]);
    assert.deepEqual(positions, [...new Set(positions)].sort((a, b) => a - b));
  }
  assert.notDeepEqual(kept[0], kept[1]);
});

Deno.test("ReferenceModel.compress() changes nothing when no more than `keep` are cached", () => {
  const prompt = tokens(20, 9);
  const model = tiny();
  model.prefill(prompt);
  const full = model.fork();
  model.compress(snapkv());
  full.compress(DENSE);
  assert.deepEqual(model.cached(0, 0), range(0, 20));
  close(model.decode(3), full.decode(3), 0);
  const longer = tiny();
  longer.prefill(tokens(21, 9));
  longer.compress(snapkv());
  assert.equal(longer.cached(0, 0).length, 20);
});

Deno.test("ReferenceModel lets only the queries of the last prefill call vote", () => {
  const model = tiny();
  model.prefill(tokens(58, 10));
  model.prefill(tokens(2, 11));
  model.compress(snapkv());
  // The window is what the call brought, so only these two are certain.
  assert.equal(model.cached(0, 0).length, 20);
  assert.deepEqual(model.cached(0, 0).slice(-2), [58, 59]);
  const wide = tiny();
  wide.prefill(tokens(300, 12));
  wide.compress(snapkv({ keep: 128, window: 128 }));
  assert.deepEqual(wide.cached(0, 0), range(172, 300));
});

Deno.test("ReferenceModel leaves dense layers alone", () => {
  const model = tiny();
  model.prefill(tokens(60, 13));
  const sparse = snapkv({ select: "pages", pageSize: 2, queryDims: 4, topK: 6 });
  model.compress([DENSE, ...Array<Plan>(model.config.nLayers - 1).fill(sparse)]);
  model.decode(1);
  assert.equal(model.cached(0, 0).length, 61);
  assert.equal(model.selected(0, 0).length, 61);
  assert.equal(model.cached(1, 0).length, 21);
  assert.equal(model.selected(1, 0).length, 6);
});

Deno.test("ReferenceModel.decode() selects among the kept and generated tokens, the same for a whole group", () => {
  const model = tiny();
  model.prefill(tokens(60, 14));
  model.compress(snapkv({ select: "pages", pageSize: 3, queryDims: 4, topK: 8, pinRecent: 1 }));
  for (let step = 0; step < 5; step++) {
    model.decode(step);
    const chosen = model.selected(1, 0);
    assert.equal(chosen.length, 8);
    assert(chosen.includes(60 + step));
    assert(chosen.every((p) => model.cached(1, 0).includes(p)));
    assert.deepEqual(model.selected(1, 1), chosen);
    assert.equal(model.cached(1, 1).length, 21 + step);
  }
});

Deno.test("ReferenceModel with a budget that holds everything equals the full cache", () => {
  const plan = snapkv({ keep: 30, select: "pages", pageSize: 3, queryDims: 2, topK: 40 });
  const model = tiny();
  model.prefill(tokens(30, 15));
  const full = model.fork();
  model.compress(plan);
  full.compress(DENSE);
  for (const token of tokens(10, 16)) close(model.decode(token), full.decode(token), 0);
});

Deno.test("ReferenceModel streams: sinks and the most recent tokens, the current one included", () => {
  const plan: Plan = { ...DENSE, evict: "recent", keep: 10, sinks: 2, stepKeep: 10 };
  const model = tiny();
  model.prefill(tokens(40, 17));
  model.compress(plan);
  assert.deepEqual(model.cached(0, 0), [0, 1, ...range(32, 40)]);
  for (let step = 0; step < 12; step++) {
    model.decode(step);
    assert.deepEqual(model.selected(1, 2), [0, 1, ...range(33 + step, 41 + step)]);
    assert.deepEqual(model.cached(1, 1), model.selected(1, 2));
  }
});

// Turn sizes of RocketKV and RocketKV-MT.
const TURN: Plan = snapkv({ keep: 6, window: 2, select: "pages", pageSize: 2, queryDims: 4, topK: 4 });

Deno.test("ReferenceModel with history keeps everything and chooses again at every turn", () => {
  const model = tiny();
  model.prefill(tokens(10, 18));
  model.compress({ ...TURN, keepHistory: true });
  assert.equal(model.cached(0, 0).length, 6);
  const dropped = range(0, 10).filter((p) => !model.cached(0, 0).includes(p));
  for (const token of [1, 2, 3]) model.decode(token);
  assert.equal(model.cached(0, 0).length, 9);
  assert.deepEqual(model.cached(0, 0).slice(-3), [10, 11, 12]);
  model.prefill(tokens(4, 19));
  assert.deepEqual(model.cached(0, 0), range(0, 17));
  model.compress({ ...TURN, keepHistory: true, keep: 17 - 1 });
  const again = dropped.filter((p) => model.cached(0, 0).includes(p));
  assert(again.length >= dropped.length - 1, "a token dropped in turn 1 must be selectable in turn 2");
});

Deno.test("ReferenceModel with history attends to the same logits as a full cache in the next prefill", () => {
  const model = tiny();
  model.prefill(tokens(10, 20));
  const full = model.fork();
  model.compress({ ...DENSE, evict: "recent", keep: 3, keepHistory: true });
  full.compress(DENSE);
  close(model.prefill(tokens(4, 21)), full.prefill(tokens(4, 21)), 0);
});

Deno.test("ReferenceModel without history compresses what is left, new tokens included", () => {
  const model = tiny();
  model.prefill(tokens(10, 22));
  model.compress(TURN);
  const dropped = range(0, 10).filter((p) => !model.cached(0, 0).includes(p));
  for (const token of [1, 2, 3]) model.decode(token);
  model.prefill(tokens(4, 23));
  assert.equal(model.cached(0, 0).length, 13);
  model.compress({ ...TURN, keep: 12 });
  assert.equal(model.cached(0, 0).length, 12);
  assert(dropped.every((p) => !model.cached(0, 0).includes(p)), "a token dropped in turn 1 must be gone in turn 2");
});

Deno.test("ReferenceModel filters again after a turn of one token", () => {
  const model = tiny();
  model.prefill(tokens(10, 24));
  model.compress({ ...TURN, keepHistory: true });
  model.decode(1);
  model.prefill([2]);
  model.compress({ ...TURN, keepHistory: true });
  assert.equal(model.cached(0, 0).length, 6);
  assert.equal(model.cached(0, 0).at(-1), 11);
});

Deno.test("ReferenceModel.fork() shares nothing that changes", () => {
  const model = tiny();
  model.prefill(tokens(30, 25));
  const streaming = model.fork();
  const full = model.fork();
  model.compress(snapkv());
  streaming.compress({ ...DENSE, evict: "recent", keep: 5, stepKeep: 5 });
  full.compress(DENSE);
  model.decode(1);
  streaming.decode(2);
  assert.deepEqual(full.cached(0, 0), range(0, 30));
  assert.deepEqual(streaming.cached(0, 0), range(26, 31));
  assert.equal(model.cached(0, 0).length, 21);
});

Deno.test("ReferenceModel.decode() refuses a sequence that was not compressed", () => {
  const model = tiny();
  model.prefill([1, 2]);
  assert.throws(() => model.decode(1), /must be compressed first/);
});
