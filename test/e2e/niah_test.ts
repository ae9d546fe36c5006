/** The needle task from its options to scored answers, on models whose answers are known. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { logprobOf } from "../../lib/engine/logprobs.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import type { SampleResult, Unit } from "../../lib/sweep/run/unit.ts";
import { assemble } from "../../lib/tasks/prompt/assemble.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { tinyModel } from "../support/tiny_model.ts";

const { signal } = new AbortController();
const recipe = (name: string, tokens: number, set: Recipe["set"] = {}): Recipe => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens },
  set: { decode_tail: 1, ...set },
});

/** One haystack with all arms. */
async function needles(
  engine: Engine,
  recipes: readonly Recipe[],
  { tokens, index = 0, ...fields }: Partial<Unit> & { tokens: number; index?: number },
  options: { readonly [name: string]: Json },
): Promise<{ unit: Unit; results: SampleResult[] }> {
  const task = await openTask({ name: "niah", options });
  const length = { unit: "tokens", count: tokens } as const;
  const groups = await task.groups({ text: engine.text, length, seed: 0, count: index + 1 });
  const unit: Unit = {
    task,
    group: groups[index]!,
    arms: recipes.map((recipe, i) => ({ cell: `${i}`, recipe })),
    moment: "query-aware",
    scorer: "fixed",
    truncate: "refuse",
    session: {},
    done: new Set(),
    ...fields,
  };
  return { unit, results: await Array.fromAsync(runUnit(engine, unit, { signal })) };
}

Deno.test("a model that finds needles answers with the key, unless its cache lost the needle", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    makeNeedleModel(folder);
    using engine = await Engine.open({ model: folder, device: "cpu", threads: 2 });
    const recipes = [recipe("full", 1), recipe("rocketkv", 256), recipe("oracle", 32), recipe("streaming", 256)];
    const options = { depths: [10, 40, 90], distractors: 2 };
    const { unit, results } = await needles(engine, recipes, { tokens: 1536 }, options);
    assert.deepEqual(results.map(({ sample }) => sample), unit.group.keys);
    for (const { answers } of results) {
      const [full, rocketkv, oracle, streaming] = answers.map(({ prediction }) => prediction);
      const [key] = full!.scoring.references;
      for (const one of [full!, rocketkv!, oracle!]) {
        assert.equal(one.answer.trim().slice(0, key!.length), key);
        assert.equal(one.scores!.score, 1);
        assert.equal(one.scores!["partial"], 1);
        assert.equal(one.expectedLogprobs!.length, key!.length + 1);
        assert(Math.min(...one.expectedLogprobs!) > -0.1, `${one.expectedLogprobs}`);
      }
      assert.equal(streaming!.scores!.score, 0);
      assert(Math.min(...streaming!.expectedLogprobs!) < -2, `${streaming!.expectedLogprobs}`);
      assert.equal(streaming!.cache!.tokenBudget, 256);
      assert.equal(streaming!.cache!.measuredBudget, 256);
      assert.deepEqual(streaming!.cache!.goldKept, full!.cache!.goldKept!.map(() => 0));
      assert.equal(full!.cache!.measuredBudget, full!.promptTokens + full!.ids.length / 2); // one more at every step
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("what a cache keeps without knowing the question is not what it keeps knowing it", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    makeNeedleModel(folder);
    using engine = await Engine.open({ model: folder, device: "cpu", threads: 2 });
    const recipes = [recipe("full", 1), recipe("hsa", 256), recipe("rocketkv-mt", 256), recipe("snapkv", 256)];
    const fields = { tokens: 1536, moment: "query-agnostic" } as const;
    const { results } = await needles(engine, recipes, fields, { depths: [40] });
    const [full, hsa, multiTurn, snapkv] = results[0]!.answers.map(({ prediction }) => prediction);
    // Who keeps everything chooses when the question is there; who evicted has lost what nothing pointed to.
    for (const one of [full!, hsa!, multiTurn!]) assert.equal(one.scores!.score, 1, one.answer);
    assert.equal(snapkv!.scores!.score, 0);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("keys are scored as in one pass over prompt and key, whatever the recipes prefill together", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({}).writeGguf(path);
  using engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  const recipes = [
    recipe("full", 1),
    recipe("minference", 1),
    recipe("full", 1, { decode_tail: 0 }),
    recipe("streaming", 40, { decode_tail: 5 }),
  ];
  const session = { kvType: "f32" } as const;
  const { unit, results } = await needles(engine, recipes, { tokens: 400, index: 1, session }, { depths: [50] });
  const [sample] = await unit.group.make();
  const options = { tokenise: "split", history: "golden", truncate: "refuse", contextLength: 4096 } as const;
  const { head, turns } = assemble(engine.text, sample!, options);
  const wanted: number[] = [];
  for (const [i, id] of turns[0]!.expected.entries()) {
    using fresh = NativeSession.create(engine.model, session);
    await fresh.prefill([...head, ...turns[0]!.tail, ...turns[0]!.expected.slice(0, i)]);
    wanted.push(logprobOf(fresh.logits(), id));
  }
  const found = results[0]!.answers.map(({ prediction }) => prediction);
  const distance = (i: number) => Math.max(...found[i]!.expectedLogprobs!.map((x, k) => Math.abs(x - wanted[k]!)));
  for (const i of [0, 1, 2]) assert(distance(i) < 1e-3, `recipe ${i} is off by ${distance(i)}`); // minference's patterns hold all of so short a prompt
  assert(distance(3) > 1e-2);
  assert.equal(found[0]!.scores!.score, 0); // its weights are random
});
