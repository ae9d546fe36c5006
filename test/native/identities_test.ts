/** What methods must be by their own definitions, without a reference: special cases that are one another, and limits. */
import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { EXACT, type LoadedTiny, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const GROUPED = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;
const UNGROUPED = { heads: 3, kvHeads: 3, headDim: 16, layers: 3 } as const;

/** What every query head attends to in some steps, and the logits, under a plan. */
async function run(tiny: LoadedTiny, plan: Plan): Promise<{ selected: Int32Array[]; logits: Float32Array[] }> {
  const session = tiny.session();
  await session.prefill(randomTokens(75, 1), { plan });
  const selected: Int32Array[] = [], logits: Float32Array[] = [];
  for (const token of randomTokens(4, 2)) {
    await NativeSession.decode([session], [token]);
    for (let layer = 0; layer < 3; layer++) {
      for (let head = 0; head < tiny.source.config.nHeads; head++) selected.push(session.selected(layer, head));
    }
    logits.push(session.logits());
  }
  return { selected, logits };
}

Deno.test("without groups, the group's sign over all dims is Quest's bound", async () => {
  await using tiny = await loadTiny(UNGROUPED);
  for (const pageSize of [1, 4, 7]) {
    const hsa: Plan = { ...DENSE, select: "pages", pageSize, queryDims: 16, topK: 21 };
    const found = await run(tiny, hsa);
    assert.deepEqual(await run(tiny, { ...hsa, sign: "head" }), found, `page size ${pageSize}`);
    assert.notDeepEqual((await run(tiny, { ...hsa, queryDims: 2 })).selected, found.selected);
  }
});

Deno.test("without groups, single tokens over all dims are the oracle's", async () => {
  await using tiny = await loadTiny(UNGROUPED);
  const hsa = await run(tiny, { ...DENSE, select: "pages", pageSize: 1, queryDims: 16, topK: 12 });
  assert.deepEqual(await run(tiny, { ...DENSE, select: "exact", topK: 12 }), hsa);
  assert.deepEqual(await run(tiny, { ...DENSE, select: "exact", rank: "per_head", topK: 12 }), hsa);
});

Deno.test("SparQ over all dims and tokens leaves nothing for the mean value: the full cache, bit for bit", async () => {
  await using tiny = await loadTiny(GROUPED);
  const sparq: Plan = { ...DENSE, select: "pages", pageSize: 1, queryDims: 16, topK: 79, meanValue: true };
  assert.deepEqual(await run(tiny, sparq), await run(tiny, DENSE));
  // One token less, and it counts as the mean by its own weight: closer than leaving it out.
  const full = (await run(tiny, DENSE)).logits.at(-1)!;
  const error = async (plan: Plan) => relativeError((await run(tiny, plan)).logits.at(-1)!, full);
  const mixed = await error({ ...sparq, topK: 40 }), cut = await error({ ...sparq, topK: 40, meanValue: false });
  assert(mixed > 0 && mixed < cut, `${mixed} with the mean value, ${cut} without`);
});

Deno.test("streaming with shifted positions is a fresh prompt of the tokens it kept", async () => {
  // With one layer, K and V of a token depend on the token and its position alone.
  await using tiny = await loadTiny({ ...GROUPED, layers: 1, ropeTheta: 100 });
  const tokens = randomTokens(90, 3);
  const shifted = tiny.session(), inPlace = tiny.session();
  await shifted.prefill(tokens.slice(0, 60), { plan: PLANS["recent, shifted positions"]! });
  await inPlace.prefill(tokens.slice(0, 60), { plan: PLANS["recent"]! });
  for (const token of tokens.slice(60)) {
    await NativeSession.decode([shifted, inPlace], [token, token]);
    const kept = [...shifted.selected(0, 0)].map((position) => tokens[position]!);
    assert.equal(kept.length, 20);
    using fresh = NativeSession.create(tiny.model, EXACT);
    await fresh.prefill(kept);
    const wanted = fresh.logits();
    assert(relativeError(shifted.logits(), wanted) < 5e-5);
    assert(relativeError(inPlace.logits(), wanted) > 1e-3, "at their true positions the sinks are further away");
  }
});

for (const name of ["h2o", "tova", "tova per KV head"]) {
  Deno.test(`${name} never holds more than its budget after a step, whatever slots its tokens are in`, async () => {
    await using tiny = await loadTiny(GROUPED);
    const plan = PLANS[name]!;
    const session = tiny.session(), reference = tiny.reference(); // the reference keeps tokens in their order
    await session.prefill(randomTokens(50, 4), { plan });
    reference.prefill(randomTokens(50, 4));
    reference.compress(plan);
    for (const [step, token] of randomTokens(60, 5).entries()) {
      await NativeSession.decode([session], [token]);
      const wanted = reference.decode(token);
      for (let layer = 0; layer < 3; layer++) {
        for (const head of [0, 3]) {
          const cached = [...session.cached(layer, head)];
          assert.equal(cached.length, plan.stepKeep, `step ${step}`);
          assert(cached.every((position, i) => i === 0 || position > cached[i - 1]!), "positions ascend");
          assert.deepEqual(cached, reference.cached(layer, head));
        }
      }
      const error = relativeError(session.logits(), wanted);
      assert(error < 5e-5, `step ${step}: relative error ${error}`);
    }
  });
}
