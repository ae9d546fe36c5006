import assert from "node:assert/strict";
import { type BudgetReport, budgetReport } from "../../lib/methods/budget_report.ts";
import { planCost } from "../../lib/methods/cost.ts";
import { cacheBytes, KV_TYPES, kvFormat, rowBytes } from "../../lib/methods/kv_format.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

const SHAPE = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };
const MODEL = { nLayers: 32, nHeads: 32, nKvHeads: 8, headDim: 128, slidingWindow: 0 };

function report(name: string, tokenBudget: number, promptTokens = 32_000, newTokens = 128): BudgetReport {
  const method = findMethod(name);
  const files = methodFiles(SHAPE);
  const plans = method.plan({ tokenBudget, promptTokens, newTokens, ...SHAPE, set: {}, files });
  const input = { shape: MODEL, promptTokens, newTokens, format: kvFormat("bf16", 128) };
  return budgetReport(method, tokenBudget, planCost(plans, input), input);
}

/** What these read beyond the budget has its reason; all others meet it. */
const OVER = ["oracle", "oracle-group", "quest-official", "minference", "h2o", "tova"];
const GROWING = methods.filter((m) => m.scoresHeads && !m.name.startsWith("rocketkv")).map(({ name }) => name);

for (const { name, ignoresBudget } of methods) {
  Deno.test(`${name} meets a budget, or says what it takes instead`, () => {
    for (const tokenBudget of [256, 1024, 4096]) {
      const { predictedFirst, predictedLast, note, requested } = report(name, tokenBudget);
      assert.equal(requested, tokenBudget);
      if (ignoresBudget || OVER.includes(name)) {
        assert(predictedLast > tokenBudget && (note === null) === (ignoresBudget ?? false));
        continue;
      }
      assert(predictedFirst > 0.8 * tokenBudget, `${name} reads ${predictedFirst} of ${tokenBudget}`);
      const grows = name === "snapkv-head" ? 4 * 128 : GROWING.includes(name) ? 128 : 0;
      assert(predictedLast <= (tokenBudget + grows) * 1.02, `${name} reads ${predictedLast} of ${tokenBudget}`);
      assert.equal(note !== null, predictedLast > tokenBudget * 1.02, `${note}`);
    }
  });
}

Deno.test("budgetReport() says how much is scored and attended", () => {
  // A compression of 502 is above the head dim of 128: one dim of 32,128 keys is half of 125.5 tokens in K and V.
  assert.equal(report("sparq", 64).note, "a step reads up to 158 tokens instead of 64: 126 to score, 32 to attend");
  assert.equal(
    report("snapkv", 256).note,
    "a step reads up to 384 tokens instead of 256: 0 to score, 384 to attend; new tokens come on top",
  );
  assert.equal(report("rocketkv", 256).note, null);
  assert.equal(report("full", 256).note, null);
});

Deno.test("budgetReport() of a budget that holds everything is met by the full cache", () => {
  for (const { name } of methods) {
    const { predictedLast, note } = report(name, 32_128);
    assert.deepEqual([predictedLast, note], [32_128, null], name);
  }
});

Deno.test("budgets of one token and prompts of one are reported without a fault", () => {
  for (const { name } of methods) {
    for (const [tokenBudget, promptTokens, newTokens] of [[1, 1, 1], [1, 1, 100], [1, 1000, 1], [2, 5, 0]] as const) {
      const { predictedFirst, predictedLast } = report(name, tokenBudget, promptTokens, newTokens);
      assert(predictedFirst > 0 && Number.isFinite(predictedLast), `${name} at ${tokenBudget}`);
    }
  }
});

Deno.test("kvFormat() quantises in groups that divide the head dim", () => {
  assert.deepEqual(kvFormat("int4", 128), { elementBytes: 2, bits: 4, group: 32, residual: 128 });
  assert.deepEqual([128, 96, 80, 72, 16, 8].map((d) => kvFormat("int2", d).group), [32, 32, 16, 8, 16, 8]);
  assert.deepEqual(KV_TYPES.map((type) => kvFormat(type, 128).bits), [0, 0, 8, 4, 2]);
});

Deno.test("cacheBytes() leaves the residual as it is and quantises whole groups behind it", () => {
  const format = kvFormat("int2", 128), row = rowBytes(format, 128);
  assert.equal(row, 512);
  assert.equal(cacheBytes(format, 128, 128), 128 * row);
  assert.equal(cacheBytes(format, 128, 128 + 31), 159 * row);
  assert.equal(cacheBytes(format, 128, 128 + 32), 128 * row + 32 * 256 * (2 / 8 + 4 / 32));
  assert.equal(cacheBytes(kvFormat("f32", 64), 64, 10), 10 * 512);
});
