/** A unit whose device memory is too small for some of its arms. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { Emulator } from "../support/emulator.ts";
import { EMULATED } from "../support/native.ts";
import { tinyModel } from "../support/tiny_model.ts";
import { letters, resultsOf, tinyRecipe, unitOf } from "../support/tiny_unit.ts";
import { toySample, toyTurn } from "../support/toy_task.ts";

/** Letters of the contexts. */
const LONG = 700, SHORT = 60;

/** Device memory is given in steps of the smallest piece that is ever asked for. */
const MIB = 2 ** 20, MEMORY_STEP = MIB / 16;

Deno.test("arms and samples that memory is too small for say so, and the others answer as ever", async () => {
  using emulator = new Emulator();
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ layers: 1 }).writeGguf(path);
  const turns = [toyTurn(" what?", { maxNewTokens: 2 })];
  const samples = [toySample("long", letters(LONG, 1), { turns }), toySample("short", letters(SHORT, 2), { turns })];
  const recipes = ["full", "streaming", "hsa", "full", "full"].map((name) => tinyRecipe(name, 32));
  const unit = unitOf(samples, recipes, { session: { kvType: "bf16" } });
  /** With so much device memory beside the weights. */
  const predictions = async (room: number) => {
    emulator.reset();
    using engine = await Engine.open({ model: path, device: "cuda", library: EMULATED.library });
    emulator.limitMemory(emulator.used() + room);
    const results = await resultsOf(engine, unit);
    return results.flatMap(({ answers }) => answers.map(({ prediction }) => prediction));
  };
  const wanted = await predictions(2 ** 30);
  assert(wanted.every(({ error, finish }) => error === undefined && finish !== "error"));

  // From the least that is enough for everything down to what is enough for nothing.
  let enough = 64 * MIB, little = 0;
  while (enough - little > MEMORY_STEP) {
    const room = (enough + little) / 2;
    const complete = (await predictions(room)).every(({ error }) => error === undefined);
    if (complete) enough = room;
    else little = room;
  }
  const failed: number[] = [];
  for (let room = enough; failed.at(-1) !== wanted.length; room -= MEMORY_STEP) {
    const found = await predictions(room);
    for (const [i, prediction] of found.entries()) {
      if (prediction.error === undefined) assert.deepEqual(prediction, wanted[i]);
      else assertMissing(prediction, wanted[i]!);
    }
    failed.push(found.filter(({ error }) => error !== undefined).length);
  }
  assert.equal(failed[0], 0);
  assert(failed.some((count) => count > 0 && count < recipes.length), `${failed}: some arms of a sample`);
  assert(failed.some((count) => count >= recipes.length && count < wanted.length), `${failed}: arms of both samples`);
  Deno.removeSync(path);
});

/** Nothing that could be taken for a wrong answer; what the sample is stays known. */
function assertMissing({ error, ...prediction }: Prediction, wanted: Prediction): void {
  assert.match(error!, /^out of memory: Cannot [^\n]+[^.\n]$/);
  assert.deepEqual(prediction, { ...wanted, answer: "", ids: [], finish: "error", scores: null, cache: null });
}
