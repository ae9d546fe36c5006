import assert from "node:assert/strict";
import { NativeSession } from "../../lib/native/session.ts";
import { CACHES } from "../support/caches.ts";
import { EXACT, loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;

Deno.test("weights of a step are one for each cached position and sum to 1, for every cache", async () => {
  await using tiny = await loadTiny(SHAPE);
  for (const [name, plan, options] of CACHES) {
    const session = tiny.session(options);
    await session.prefill(randomTokens(60, 1), { plan });
    for (const token of randomTokens(20, 2)) await NativeSession.decode([session], [token]);
    for (let layer = 0; layer < SHAPE.layers; layer++) {
      for (let head = 0; head < SHAPE.heads; head++) {
        const cached = session.cached(layer, head), weights = session.weights(layer, head);
        assert.deepEqual([...cached], [...cached].sort((a, b) => a - b), name);
        assert.equal(weights.length, cached.length, name);
        assert(Math.abs(weights.reduce((sum, w) => sum + w) - 1) < 1e-5, name);
        assert(weights.every((w) => w >= 0), name);
      }
    }
  }
});

Deno.test("a query head's oracle selects the tokens with the largest weights", async () => {
  await using tiny = await loadTiny({ ...SHAPE, ropeTheta: 100 });
  const plan = PLANS["oracle per head"]!;
  for (const kvType of ["f32", "bf16"] as const) {
    const session = tiny.session({ kvType, trace: true });
    await session.prefill(randomTokens(60, 1), { plan });
    await NativeSession.decode([session], [7]);
    for (let layer = 0; layer < SHAPE.layers; layer++) {
      for (let head = 0; head < SHAPE.heads; head++) {
        const cached = session.cached(layer, head), weights = session.weights(layer, head);
        const best = [...cached.keys()].sort((a, b) => weights[b]! - weights[a]!).slice(0, plan.topK);
        assert.deepEqual([...session.selected(layer, head)], best.map((i) => cached[i]!).sort((a, b) => a - b));
      }
    }
  }
});

Deno.test("weights outside the sliding window are 0", async () => {
  await using tiny = await loadTiny({ ...SHAPE, arch: "mistral", slidingWindow: 12 });
  const session = tiny.session();
  await session.prefill(randomTokens(40, 1), { plan: PLANS["dense"]! });
  await NativeSession.decode([session], [7]);
  const weights = session.weights(2, 3);
  assert.deepEqual([...weights.keys()].filter((i) => weights[i]! > 0), [...Array(12).keys()].map((i) => 29 + i));
});

Deno.test("query heads with lists of their own are traced apart, others are not", async () => {
  await using tiny = await loadTiny(SHAPE);
  const lists = async (name: string) => {
    const session = tiny.session();
    const report = await session.prefill(randomTokens(60, 1), { plan: PLANS[name]! });
    const found = [0, 1, 2].map((head) => session.cached(1, head));
    return { report: report!, found, different: new Set(found.map(String)).size };
  };
  const own = await lists("votes per query head");
  assert.equal(own.different, 3);
  assert.deepEqual([own.report.keptMin, own.report.keptMax], [14, 14]);
  assert.equal((await lists("snapkv")).different, 1);
});

Deno.test("weights are refused without the option, before the first step and after a prefill", async () => {
  await using tiny = await loadTiny(SHAPE);
  const silent = tiny.session({ trace: false }), session = tiny.session(EXACT);
  for (const s of [silent, session]) await s.prefill([1, 2, 3], { plan: PLANS["dense"]! });
  assert.throws(() => silent.weights(0, 0), /created without the trace option/);
  assert.throws(() => session.weights(0, 0), /decoded no token/);
  await NativeSession.decode([session], [1]);
  assert.throws(() => session.weights(3, 0), /layer must be between 0 and 2: found 3/);
  assert.throws(() => session.weights(0, 6), /head must be between 0 and 5: found 6/);
  assert.throws(() => session.cached(0, -1), /head must be between 0 and 5: found -1/);
  assert.equal(session.weights(2, 5).length, 4);
  await session.prefill([1, 2], { plan: PLANS["dense"]! });
  assert.throws(() => session.weights(0, 0), /decoded no token since its last prefill/);
});
