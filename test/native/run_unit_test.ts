/** A unit against each of its arms run alone: the same bits, whatever is shared, and whatever else runs. */
import assert from "node:assert/strict";
import { formatOf } from "../../lib/engine/kv_options.ts";
import { logprobOf } from "../../lib/engine/logprobs.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { generate } from "../../lib/engine/generate.ts";
import { planFor } from "../../lib/engine/recipe.ts";
import { methods } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { mean } from "../../lib/statistics.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import { assemble } from "../../lib/tasks/prompt/assemble.ts";
import type { Sample } from "../../lib/tasks/sample.ts";
import { letters, resultsOf, SMALL_CHUNKS, tinyEngine, tinyRecipe, unitOf } from "../support/tiny_unit.ts";
import { toySample, toyTurn } from "../support/toy_task.ts";

const OPTIONS = { tokenise: "split", history: "golden", truncate: "refuse", contextLength: 4096 } as const;

/** Needles at three depths of one haystack. */
function depths(turn = toyTurn(" what?", { answerPrefix: "it is", maxNewTokens: 6 })): Sample[] {
  const haystack = letters(400, 1);
  return [150, 300, 370].map((at, i) => {
    const context = `${haystack.slice(0, at)} needle ${haystack.slice(at)}`;
    return toySample(`${i}`, context, { turns: [turn], gold: [{ from: at, to: at + 8 }] });
  });
}

function promptOf(engine: Engine, sample: Sample): number[] {
  const { head, turns } = assemble(engine.text, sample, OPTIONS);
  return [...head, ...turns[0]!.tail];
}

Deno.test("every method answers in a unit as it does alone, on every prompt of a group", async () => {
  using engine = await tinyEngine();
  const samples = depths();
  const recipes = [
    ...methods.map(({ name }) => tinyRecipe(name, 96)),
    tinyRecipe("rocketkv", 48, { decode_tail: 1 }),
    tinyRecipe("adakv(snapkv)", 64, { decode_tail: 3 }),
    tinyRecipe("snapkv", 300),
  ];
  const results = await resultsOf(engine, unitOf(samples, recipes));
  assert.deepEqual(results.map(({ sample }) => sample), ["0", "1", "2"]);
  for (const [s, { answers }] of results.entries()) {
    const promptIds = promptOf(engine, samples[s]!);
    assert.deepEqual(answers.map(({ cell }) => cell), recipes.map((_, i) => `${i}`));
    for (const [i, recipe] of recipes.entries()) {
      const request = { promptIds, recipe, session: SMALL_CHUNKS, sampler: GREEDY, newTokens: 6, continues: true };
      const alone = await generate(engine, request);
      const { prediction, timing } = answers[i]!;
      assert.deepEqual(prediction.ids, alone.generatedIds, `${recipe.method.name} on sample ${s}`);
      assert.equal(prediction.answer, alone.text);
      assert.equal(prediction.promptTokens, promptIds.length);
      assert.equal(prediction.cache!.tokenBudget, alone.tokenBudget);
      assert.equal(prediction.cache!.storedBytes, alone.cost.kvBytes, recipe.method.name);
      assert.equal(timing.newTokens, alone.generatedIds.length);
    }
  }
});

Deno.test("what samples share is prefilled once, and a sample is the same whichever others are done", async () => {
  using engine = await tinyEngine();
  const samples = depths();
  const recipes = [tinyRecipe("full", 1), tinyRecipe("h2o", 64), tinyRecipe("minference", 1), tinyRecipe("hsa", 64)];
  const all = await resultsOf(engine, unitOf(samples, recipes));
  const tokens = promptOf(engine, samples[0]!).length;
  // Needles stand behind 156 and 306 tokens, so 128 are shared by all and 256 by two; minference shares nothing.
  const prefilled = all.map(({ answers }) => answers.map(({ timing }) => timing.prefilledTokens));
  assert.deepEqual(prefilled.map((arms) => arms[0]), [tokens, 128 + tokens - 256, tokens - 256]);
  assert.deepEqual(prefilled.map((arms) => arms[2]), [tokens, tokens, tokens]);
  for (const done of [["0"], ["1"], ["0", "2"], ["0", "1", "2"]]) {
    const left = await resultsOf(engine, unitOf(samples, recipes, { done: new Set(done) }));
    const lines = (results: typeof all) => results.map(({ answers }) => answers.map(({ prediction }) => prediction));
    assert.deepEqual(lines(left), lines(all.filter(({ sample }) => !done.includes(sample))));
  }
  const some = await resultsOf(engine, unitOf(samples.slice(1, 2), [recipes[3]!]));
  assert.deepEqual(some[0]!.answers[0]!.prediction, { ...all[1]!.answers[3]!.prediction });
});

Deno.test("predictions say what the cache kept, stored and read", async () => {
  using engine = await tinyEngine();
  const [sample] = depths();
  const recipes = [
    tinyRecipe("full", 1),
    tinyRecipe("streaming", 50),
    tinyRecipe("snapkv-head", 64),
    tinyRecipe("hsa", 64),
    tinyRecipe("pyramidkv", 64),
  ];
  const [result] = await resultsOf(engine, unitOf([sample!], recipes));
  const [full, streaming, perHead, hsa, pyramid] = result!.answers.map(({ prediction }) => prediction);
  const tokens = promptOf(engine, sample!).length;
  const steps = full!.ids.length - 1, row = 2 * 4 * 16 * 2 * 3; // K and V, f32, head dim, KV heads, layers
  assert.deepEqual(full!.cache!.kept, { mean: tokens, min: tokens, max: tokens });
  assert.deepEqual(full!.cache!.goldKept, [1, 1, 1]);
  assert.equal(full!.cache!.storedBytes, (tokens + steps) * row);
  assert.equal(full!.cache!.fullStoredBytes, full!.cache!.storedBytes);
  assert.equal(full!.cache!.readBytesPerStep, (tokens + (steps + 1) / 2) * row);
  assert.equal(full!.cache!.fullReadBytesPerStep, full!.cache!.readBytesPerStep);
  assert.equal(full!.cache!.measuredBudget, tokens + (steps + 1) / 2);

  assert.deepEqual(streaming!.cache!.kept, { mean: 50, min: 50, max: 50 });
  assert.deepEqual(streaming!.cache!.goldKept, [0, 0, 0]); // it is neither at the beginning nor at the end
  assert.equal(streaming!.cache!.measuredBudget, 50);
  assert.equal(streaming!.cache!.fullStoredBytes, (tokens + streaming!.ids.length - 1) * row);
  assert.equal(perHead!.cache!.kept.max, 32); // half of the budget for each head of a group
  assert.deepEqual(hsa!.cache!.kept, full!.cache!.kept);
  assert([full, streaming, hsa].every((one) => one!.cache!.keptByLayer === undefined), "all layers keep as many");
  const { kept, keptByLayer } = pyramid!.cache!; // the same tokens for both KV heads of a layer, fewer in deeper ones
  assert.deepEqual([keptByLayer![0], keptByLayer![2]], [kept.max, kept.min]);
  assert(kept.max > kept.min && mean(keptByLayer!) === kept.mean);
  assert(hsa!.cache!.readBytesPerStep < full!.cache!.readBytesPerStep / 4 && hsa!.cache!.auxBytes > 0);

  const planned = planFor(recipes[2]!, engine.config, tokens, 6, formatOf(SMALL_CHUNKS));
  using alone = NativeSession.create(engine.model, SMALL_CHUNKS);
  await alone.prefill(promptOf(engine, sample!), { plan: planned.plans });
  const inside = (head: number) => alone.cached(1, head).filter((at) => at >= 157 && at < 165).length / 8;
  assert.equal(perHead!.cache!.goldKept![1], (inside(0) + inside(1) + inside(2) + inside(3)) / 4);
});

Deno.test("expected text is scored as if it were fed alone, and changes no answer", async () => {
  using engine = await tinyEngine();
  const recipes = ["full", "hsa", "h2o", "rocketkv-mt"].map((name) => tinyRecipe(name, 64));
  const free = await resultsOf(engine, unitOf(depths(), recipes));
  const said = free[0]!.answers.map(({ prediction }) => prediction);
  // What the full cache would say, its first half, and something else.
  for (const expected of [said[0]!.answer, said[0]!.answer.slice(0, 3) + "zz", "q", said[0]!.answer + "long tail"]) {
    const turn = toyTurn(" what?", { answerPrefix: "it is", maxNewTokens: 6, expected });
    const results = await resultsOf(engine, unitOf(depths(turn), recipes));
    for (const [i, recipe] of recipes.entries()) {
      const { prediction } = results[0]!.answers[i]!;
      assert.deepEqual(prediction.ids, said[i]!.ids);
      const promptIds = promptOf(engine, depths()[0]!), ids = engine.text.tokenizer.encode(expected, { bos: false });
      const { plans } = planFor(recipe, engine.config, promptIds.length, 6, formatOf(SMALL_CHUNKS));
      using alone = NativeSession.create(engine.model, SMALL_CHUNKS);
      await alone.prefill(promptIds, { plan: plans });
      const wanted: number[] = [];
      for (const id of ids) {
        wanted.push(logprobOf(alone.logits(), id));
        await NativeSession.decode([alone], [id]);
      }
      assert.deepEqual(prediction.expectedLogprobs, wanted, `${recipe.method.name}: ${expected}`);
    }
  }
});

Deno.test("answers end at a stop, at an end-of-text token, or at their length, and cost a step even where they make none", async () => {
  using engine = await tinyEngine();
  const recipes = [tinyRecipe("full", 1)];
  const one = async (fields: Parameters<typeof toyTurn>[1]) => {
    const turn = toyTurn(" what?", { answerPrefix: "it is", maxNewTokens: 12, ...fields });
    const [result] = await resultsOf(engine, unitOf([depths(turn)[1]!], recipes));
    return result!.answers[0]!.prediction;
  };
  const free = await one({});
  assert.equal(free.ids.length, 12);
  assert.equal(free.finish, "length");
  const inner = free.answer.slice(3, 5);
  const stopped = await one({ stop: ["never", inner] });
  assert.equal(stopped.finish, "stop");
  assert.equal(stopped.answer, free.answer.slice(0, free.answer.indexOf(inner, 1)));
  assert.deepEqual(stopped.ids, free.ids.slice(0, stopped.ids.length));
  assert.equal((await one({ stop: [free.answer[0]! + free.answer[1]!] })).answer.slice(0, 2), free.answer.slice(0, 2));
  const single = await one({ maxNewTokens: 1 });
  assert.deepEqual(single.ids, free.ids.slice(0, 1));
  const tokens = single.promptTokens, row = 2 * 4 * 16 * 2 * 3;
  assert.equal(single.cache!.readBytesPerStep, (tokens + 1) * row);
  assert.equal(single.cache!.fullReadBytesPerStep, (tokens + 1) * row);
});

Deno.test("a unit says how far it is, and stops where it is told to", async () => {
  using engine = await tinyEngine();
  const seen: [number, number][] = [];
  const abort = new AbortController();
  const unit = unitOf(depths(), [tinyRecipe("full", 1), tinyRecipe("hsa", 64)]);
  const onProgress = (done: number, total: number) => void seen.push([done, total]);
  await Array.fromAsync(runUnit(engine, unit, { signal: abort.signal, onProgress }));
  const [done, total] = seen.at(-1)!;
  assert.equal(done, total);
  assert(seen.every(([done], i) => i === 0 || done >= seen[i - 1]![0]));

  const before = engine.model.usage().kv_bytes_live;
  const stopped = runUnit(engine, unit, { signal: abort.signal });
  await stopped.next();
  abort.abort();
  await assert.rejects(async () => await stopped.next(), { name: "AbortError" });
  const left = runUnit(engine, unit, { signal: new AbortController().signal });
  await left.next();
  await left.return(undefined);
  assert.equal(engine.model.usage().kv_bytes_live, before);
});
