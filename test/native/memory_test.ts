import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

// Shape of interest is the number of layers; heads are small so that 32K tokens take seconds.
const SHAPE = { heads: 1, kvHeads: 1, headDim: 8, dim: 32, hiddenDim: 32, layers: 12, contextLength: 65536 } as const;

Deno.test("prefilling 32K tokens with a plan holds at most two layers of full KV plus the compressed rest", async () => {
  await using tiny = await loadTiny(SHAPE);
  const n = 32768, plan: Plan = { ...PLANS["rocketkv"]!, keep: 1500, window: 32, poolWidth: 63, queryDims: 4 };
  const layer = n * 2 * SHAPE.kvHeads * SHAPE.headDim * 2; // bf16 K and V
  const session = tiny.session({ kvType: "bf16" });
  tiny.model.resetPeak();
  const report = await session.prefill(randomTokens(n, 1), { plan });
  const compressed = session.stats().kv_bytes;
  const peak = tiny.model.usage().kv_bytes_peak;
  assert.equal(report!.bytesBefore, layer * SHAPE.layers);
  assert.equal(compressed, 1500 * 2 * SHAPE.headDim * 2 * SHAPE.layers);
  assert(peak <= 2 * layer + compressed, `peak ${peak}, two layers ${2 * layer}, compressed ${compressed}`);
  assert.equal(session.stats().kv_peak_bytes, peak);
});

Deno.test("without a plan a prefill holds the full KV, and compressing frees it", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session({ kvType: "bf16" });
  await session.prefill(randomTokens(4000, 1));
  const full = 4000 * 2 * SHAPE.headDim * 2 * SHAPE.layers;
  assert.equal(tiny.model.usage().kv_bytes_live, full);
  await session.compress({ ...PLANS["snapkv"]!, keep: 200 });
  assert.equal(tiny.model.usage().kv_bytes_live, full / 20);
});

Deno.test("streaming holds a bounded cache however long it decodes", async () => {
  await using tiny = await loadTiny({ ...SHAPE, layers: 2 });
  const session = tiny.session({ kvType: "bf16" });
  await session.prefill(randomTokens(100, 1), { plan: PLANS["recent"]! });
  for (const token of randomTokens(3000, 2)) await NativeSession.decode([session], [token]);
  // 20 tokens are reachable; blocks of at most 1024 slots hold them.
  assert(tiny.model.usage().kv_bytes_live <= 2 * (20 + 2 * 1024) * 2 * SHAPE.headDim * 2);
  assert.equal(session.stats().tokens_attended, 20 * 2);
});

Deno.test("eviction by score holds a bounded cache and bounded sums however long it decodes", async () => {
  await using tiny = await loadTiny({ ...SHAPE, layers: 2 });
  for (const name of ["h2o", "tova"]) {
    const session = tiny.session({ kvType: "bf16" });
    await session.prefill(randomTokens(100, 1), { plan: PLANS[name]! });
    for (const token of randomTokens(300, 2)) await NativeSession.decode([session], [token]);
    const row = 2 * SHAPE.headDim * 2;
    assert.equal(session.stats().kv_bytes, 2 * 20 * row, name);
    assert(session.stats().kv_own_bytes <= 2 * 64 * row, name);
    assert(session.stats().aux_bytes <= 2 * 64 * 4, name);
    session[Symbol.dispose]();
  }
});

Deno.test("measured reads of a step are those of the formulas", async () => {
  const shape = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;
  await using tiny = await loadTiny(shape);
  const prompt = randomTokens(60, 1);
  const step = async (plan: Plan) => {
    const session = tiny.session({ kvType: "bf16" });
    await session.prefill(prompt, { plan });
    await NativeSession.decode([session], [1]);
    return session.stats();
  };
  const heads = shape.layers * shape.kvHeads, row = 2 * shape.headDim;
  const dense = await step(DENSE);
  assert.equal(dense.attend_read_bytes, heads * 61 * 2 * row);
  assert.equal(dense.score_read_bytes, 0);
  const hsa = await step(PLANS["hsa"]!); // pages of 3, 9 dims, 10 tokens
  assert.equal(hsa.score_read_bytes, heads * Math.ceil(61 / 3) * 9 * 2);
  assert.equal(hsa.attend_read_bytes, heads * 10 * 2 * row);
  assert.equal(hsa.tokens_attended, heads * 10);
  const rocketkv = await step(PLANS["rocketkv"]!); // of 30 kept and the new one
  assert.equal(rocketkv.score_read_bytes, heads * Math.ceil(31 / 3) * 9 * 2);
  assert.equal(rocketkv.kv_bytes, heads * 31 * 2 * row);
  const tova = await step(PLANS["tova per KV head"]!); // reads the keys of 20 kept and the new one again
  assert.equal(tova.score_read_bytes, heads * 21 * row);
  assert.equal(tova.attend_read_bytes, heads * 21 * 2 * row);
  assert.equal(tova.kv_bytes, heads * 20 * 2 * row);
  const h2o = await step(PLANS["h2o"]!); // and their sums
  assert.equal(h2o.score_read_bytes, heads * 21 * (row + 4));
  assert.equal(h2o.aux_bytes, heads * 64 * 4); // room for sums grows by 64
  const oracle = await step(PLANS["oracle per group"]!);
  assert.equal(oracle.score_read_bytes, heads * 61 * row);
});
