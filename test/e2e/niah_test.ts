/** The needle task from prompts to judged answers, on models whose answers are known. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { logprobOf } from "../../lib/engine/logprobs.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { runNiah } from "../../lib/tasks/niah/run.ts";
import { niahSample } from "../../lib/tasks/niah/sample.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { tinyModel } from "../support/tiny_model.ts";

const { signal } = new AbortController();
const recipe = (name: string, tokens: number, set: Recipe["set"] = {}): Recipe => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens },
  set: { decode_tail: 1, ...set },
});

Deno.test("a model that finds needles answers with the key, unless its cache lost the needle", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    makeNeedleModel(folder);
    using engine = await Engine.open({ model: folder, device: "cpu", threads: 2 });
    const sample = niahSample(engine.text, { length: 1536, depth: 40, index: 0, decoys: 2 });
    const recipes = [recipe("full", 1), recipe("rocketkv", 256), recipe("streaming", 256), recipe("oracle", 32)];
    const [full, rocketkv, streaming, oracle] = await runNiah(engine, { sample, recipes, signal });
    for (const one of [full!, rocketkv!, oracle!]) {
      assert.equal(one.answer, sample.key);
      assert.equal(one.found, true);
      assert.equal(one.partial, 1);
      assert.equal(one.keyLogprobs.length, sample.keyIds.length);
      assert(Math.min(...one.keyLogprobs) > -0.1, `${one.keyLogprobs}`);
    }
    assert.equal(streaming!.found, false);
    assert(Math.min(...streaming!.keyLogprobs) < -2, `${streaming!.keyLogprobs}`);
    assert.equal(streaming!.tokenBudget, 256);
    assert.equal(streaming!.cost.measuredBudget, 256);
    assert.equal(full!.cost.measuredBudget, sample.promptIds.length + (sample.keyIds.length - 1) / 2); // one more at every step
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("keys are scored as in one pass over prompt and key, whatever the recipes prefill together", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({}).writeGguf(path);
  using engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  const sample = niahSample(engine.text, { length: 400, depth: 50, index: 1 });
  const recipes = [
    recipe("full", 1),
    recipe("minference", 1),
    recipe("full", 1, { decode_tail: 0 }),
    recipe("streaming", 40, { decode_tail: 5 }),
  ];
  const session = { kvType: "f32" } as const;
  const results = await runNiah(engine, { sample, recipes, session, answerTokens: 12, signal });
  const wanted: number[] = [];
  for (const [i, id] of sample.keyIds.entries()) {
    using fresh = NativeSession.create(engine.model, session);
    await fresh.prefill([...sample.promptIds, ...sample.keyIds.slice(0, i)]);
    wanted.push(logprobOf(fresh.logits(), id));
  }
  const distance = (found: readonly number[]) => Math.max(...found.map((x, i) => Math.abs(x - wanted[i]!)));
  for (const i of [0, 1, 2]) {
    const off = distance(results[i]!.keyLogprobs);
    assert(off < 1e-3, `recipe ${i} is off by ${off}`); // minference's patterns hold all of so short a prompt
  }
  assert(distance(results[3]!.keyLogprobs) > 1e-2);
  assert.equal(results[3]!.cost.steps, 5 + sample.keyIds.length - 1);
  assert.equal(results[0]!.found, false); // its weights are random
});
