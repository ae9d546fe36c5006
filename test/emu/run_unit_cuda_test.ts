/** Units on the CUDA backend: beginnings that are shared change no bit of an answer there either. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { EMULATED } from "../support/native.ts";
import { tinyModel } from "../support/tiny_model.ts";
import { letters, resultsOf, tinyRecipe, unitOf } from "../support/tiny_unit.ts";
import { toySample, toyTurn } from "../support/toy_task.ts";

Deno.test("a sample in a group answers as it does alone, and so does an arm", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ layers: 2 }).writeGguf(path);
  using engine = await Engine.open({ model: path, device: "cuda", library: EMULATED.library });
  Deno.removeSync(path); // the library has it mapped
  const context = letters(230, 1);
  const turns = [toyTurn(" what?", { maxNewTokens: 3, expected: "so" })];
  const samples = ["x", "y"].map((key) => toySample(key, `${context}${key}${letters(20, 2)}`, { turns }));
  const recipes = ["full", "rocketkv", "h2o", "streaming"].map((name) => tinyRecipe(name, 64));
  const session = { kvType: "bf16", chunkTokens: 64 } as const;
  const together = await resultsOf(engine, unitOf(samples, recipes, { session }));
  const tokens = together[0]!.answers[0]!.prediction.promptTokens;
  assert.equal(together[1]!.answers[0]!.timing.prefilledTokens, tokens - 128); // two chunks are shared
  for (const [s, sample] of samples.entries()) {
    for (const [i, recipe] of recipes.entries()) {
      const [alone] = await resultsOf(engine, unitOf([sample], [recipe], { session }));
      const { prediction } = together[s]!.answers[i]!;
      assert.deepEqual(prediction, alone!.answers[0]!.prediction, recipe.method.name);
    }
  }
});
