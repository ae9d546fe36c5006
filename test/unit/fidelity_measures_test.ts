import assert from "node:assert/strict";
import type { Cost } from "../../lib/engine/cost.ts";
import { logSumExp } from "../../lib/engine/logprobs.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { compareLogits } from "../../lib/fidelity/measures.ts";
import { summarise } from "../../lib/fidelity/summary.ts";
import { gather } from "../../lib/fidelity/table.ts";
import { cutPrompts } from "../../lib/fidelity/windows.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import type { Tokenizer } from "../../lib/text/types.ts";

/** Logits that give these probabilities, shifted: softmax does not see a constant. */
const logits = (...p: number[]) => Float32Array.from(p, (x) => Math.log(x) + 3);
const close = (found: number, wanted: number) => assert(Math.abs(found - wanted) < 1e-6, `${found} is not ${wanted}`);

Deno.test("two distributions of three tokens, worked by hand", () => {
  const step = compareLogits(logits(0.5, 0.25, 0.25), logits(0.25, 0.5, 0.25), 0);
  close(step.kl, 0.5 * Math.log(2) + 0.25 * Math.log(0.5));
  close(step.margin, 0.25);
  close(step.nllFull, Math.log(2));
  close(step.nll, Math.log(4));
  assert.equal(step.top1, false);
  assert.equal(step.top5, 1);
});

Deno.test("a distribution is at distance 0 from itself, however large its logits", () => {
  const same = Float32Array.from([1000, 999, -1000]);
  const step = compareLogits(same, same.slice(), 1);
  assert.equal(step.kl, 0);
  assert.equal(step.top1, true);
  close(logSumExp(same), 1000 + Math.log(1 + Math.exp(-1)));
});

Deno.test("of equal logits the lower token counts as the most likely one", () => {
  assert.equal(compareLogits(logits(0.4, 0.4, 0.2), logits(0.5, 0.3, 0.2), 0).top1, true);
  assert.equal(compareLogits(logits(0.4, 0.4, 0.2), logits(0.3, 0.5, 0.2), 0).top1, false);
});

Deno.test("a summary clusters steps by prompt and counts the steps before the first disagreement", () => {
  const step = (kl: number, top1: boolean, margin = 0.5) => ({ kl, top1, top5: 1, margin, nllFull: 1, nll: 1 + kl });
  const summary = summarise([[step(0, true), step(2, false)], [step(4, true), step(6, true, 0.05)]]);
  assert.equal(summary.kl, 3);
  close(summary.klError!, 2); // the prompts' means are 1 and 5
  assert.equal(summary.klMedian, 3);
  assert.equal(summary.klMax, 6);
  assert.equal(summary.top1, 0.75);
  close(summary.top1Clear!, 2 / 3);
  close(summary.perplexity, Math.exp(4));
  assert.equal(summary.agreeingSteps, 1.5);
  assert.equal(summarise([[step(1, true)]]).klError, null);
});

Deno.test("prompts are spread over the whole text without a common token, each behind the BOS token", () => {
  const tokenizer = (addBos: boolean) =>
    ({ addBos, bosId: 256, encode: (text: string) => [...text].map(Number) }) as unknown as Tokenizer;
  const cut = (length: number, count: number, addBos = false) =>
    cutPrompts(tokenizer(addBos), "0123456789", length, count);
  assert.deepEqual(cut(3, 3), [[0, 1, 2], [3, 4, 5], [7, 8, 9]]);
  assert.deepEqual(cut(5, 2, true), [[256, 0, 1, 2, 3], [256, 6, 7, 8, 9]]);
  assert.deepEqual(cut(10, 1), [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  assert.throws(() => cut(4, 3), /Cannot cut 3 prompts of 4 tokens: expected a text of at least 12 tokens, found 10/);
});

Deno.test("a row says what was asked for and read; methods without a budget have none", () => {
  const recipe = (method: string): Recipe => ({
    method: findMethod(method),
    budget: { kind: "tokens", tokens: 64 },
    set: {},
  });
  const measures = [{ kl: 1, top1: true, top5: 1, margin: 1, nllFull: 1, nll: 2 }];
  const arm = (measuredBudget: number, steps: number) => ({
    tokenBudget: 64,
    measures,
    cost: { steps, measuredBudget, kvBytes: 100, auxBytes: 20 } as Cost,
  });
  const result = (read: number) => ({ continuation: [1], noise: measures, arms: [arm(read, 1), arm(0, 0)] });
  const { prompts, rows } = gather([recipe("full"), recipe("snapkv")], [result(50), result(60)]);
  assert.equal(prompts, 2);
  assert.deepEqual(rows.map((row) => [row.method, row.tokenBudget, row.measuredBudget]), [
    ["full", null, 55],
    ["snapkv", 64, null],
  ]);
  assert.equal(rows[0]!.kvBytes, 100);
});
