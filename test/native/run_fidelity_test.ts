/** The task `fidelity` in a unit against the measurement by itself. */
import assert from "node:assert/strict";
import { measureFidelity } from "../../lib/fidelity/run.ts";
import { mean } from "../../lib/statistics.ts";
import { assemble, promptTokens } from "../../lib/tasks/prompt/assemble.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import { scoreAnswer } from "../../lib/tasks/metrics/registry.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import { SMALL_CHUNKS, tinyEngine, tinyRecipe, unitOf } from "../support/tiny_unit.ts";

const { signal } = new AbortController();

Deno.test("fidelity in a unit is fidelity measured alone, as scores that can be computed again", async () => {
  using engine = await tinyEngine();
  const task = await openTask({ name: "fidelity", options: { steps: 6 } });
  assert.equal(task.measures, "fidelity");
  const groups = await task.groups({ text: engine.text, length: { unit: "tokens", count: 300 }, seed: 1, count: 2 });
  const recipes = [tinyRecipe("full", 1), tinyRecipe("streaming", 40, { decode_tail: 1 }), tinyRecipe("hsa", 64)];
  for (const group of groups) {
    const [sample] = await group.make();
    const length = promptTokens(engine.text, sample!);
    assert(length <= 294 && length > 270, `${length}`);
    const seen: number[] = [];
    const onProgress = (done: number, total: number) => void seen.push(done / total);
    const unit = { ...unitOf([], recipes), task, group };
    const [result, ...others] = await Array.fromAsync(runUnit(engine, unit, { signal, onProgress }));
    assert.deepEqual([others, result!.sample, seen.at(-1)], [[], group.keys[0], 1]);

    const { head, turns } = assemble(engine.text, sample!, {
      tokenise: "split",
      history: "golden",
      truncate: "refuse",
      contextLength: 4096,
    });
    const promptIds = [...head, ...turns[0]!.tail];
    const alone = await measureFidelity(engine, { promptIds, recipes, steps: 6, session: SMALL_CHUNKS, signal });
    for (const [i, { prediction, timing }] of result!.answers.entries()) {
      const { measures, cost } = alone.arms[i]!, { scores, cache } = prediction;
      assert.equal(scores!.score, mean(measures.map(({ top1 }) => Number(top1))));
      assert(Math.abs(scores!["kl"]! - mean(measures.map(({ kl }) => kl))) < 1e-12); // summed in another order
      const steps = prediction.scoring.details!["klSteps"] as number[];
      assert.deepEqual(steps, measures.map(({ kl }) => Number(kl.toPrecision(3))));
      assert.equal(scores!["noiseKl"], mean(alone.noise.map(({ kl }) => kl)));
      assert.deepEqual(scoreAnswer(prediction.answer, prediction.scoring, "official"), scores);
      assert.equal(prediction.promptTokens, length);
      assert.equal(cache!.measuredBudget, cost.measuredBudget);
      assert.equal(timing.prefilledTokens, length);
    }
    const [full, streaming] = result!.answers.map(({ prediction }) => prediction);
    assert.equal(full!.scores!.score, 1);
    assert.equal(full!.scores!["kl"], 0);
    assert.equal(full!.cache!.readBytesPerStep, full!.cache!.fullReadBytesPerStep);
    assert(streaming!.scores!["kl"]! > 1e-4);
    assert.deepEqual(streaming!.cache!.kept, { mean: 40, min: 40, max: 40 });
    assert.equal(streaming!.cache!.fullStoredBytes, full!.cache!.fullStoredBytes);

    const done = { ...unit, done: new Set(group.keys) };
    assert.deepEqual(await Array.fromAsync(runUnit(engine, done, { signal })), []);
  }
});

Deno.test("options of fidelity are checked, and lengths without room are refused", async () => {
  await assert.rejects(openTask({ name: "fidelity", options: { steps: 0 } }), { name: "UsageError" });
  await assert.rejects(openTask({ name: "fidelity", options: { stepz: 1 } }), /did you mean "steps"/);
  using engine = await tinyEngine();
  const task = await openTask({ name: "fidelity", options: {} });
  const [group] = await task.groups({ text: engine.text, length: { unit: "tokens", count: 64 }, seed: 1, count: 1 });
  await assert.rejects(group!.make(), {
    name: "RunError",
    message: "Cannot make a prompt of 64 tokens: expected room for a word and 64 steps",
  });
});
