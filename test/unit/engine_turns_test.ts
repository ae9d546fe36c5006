/** Conversations and sparse prefills of every method: what no single plan shows. */

import assert from "node:assert/strict";
import { Conversation } from "../../lib/engine/conversation.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { generate } from "../../lib/engine/generate.ts";
import { measurementIds } from "../../lib/engine/measure.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { methodFiles } from "../support/method_files.ts";
import { tinyModel } from "../support/tiny_model.ts";

const TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

async function withEngine(use: (engine: Engine) => Promise<void>): Promise<void> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ layers: 3, heads: 4, kvHeads: 2, headDim: 16, chatTemplate: TEMPLATE }).writeGguf(path);
  using engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  await use(engine);
}

const recipe = (name: string, tokens: number, set: Record<string, number> = {}): Recipe => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens },
  set,
  files: methodFiles({ nLayers: 3, nKvHeads: 2, group: 2 }),
});

const COMPOSED = [...wrappers.map(({ name }) => name), "adakv(criticalkv(snapkv))", "minference+rocketkv-mt"];

for (const name of [...methods.map(({ name }) => name), ...COMPOSED]) {
  Deno.test(`${name} goes through turns that first fit the budget and then do not`, () =>
    withEngine(async (engine) => {
      using conversation = new Conversation(engine, { recipe: recipe(name, 96), session: { kvType: "f32" } });
      const options = { sampler: GREEDY, newTokens: 6, ignoreEos: true };
      for (const message of ["Hello", "a".repeat(150), "b", "c".repeat(70)]) {
        const { ids } = await conversation.turn(message, options);
        assert.equal(ids.length, 6);
      }
      assert.equal(conversation.session!.stats().n_tokens, conversation.state.cached);
    }));

  Deno.test(`${name} takes prompts of one token and budgets of one`, () =>
    withEngine(async (engine) => {
      for (const [promptTokens, tokens] of [[1, 1], [2, 1], [5, 2], [40, 1]] as const) {
        const { generatedIds } = await generate(engine, {
          promptIds: measurementIds(promptTokens, engine.config.vocabSize),
          recipe: recipe(name, tokens),
          sampler: GREEDY,
          newTokens: 5,
          ignoreEos: true,
        });
        assert.equal(generatedIds.length, 5, `${promptTokens} tokens at ${tokens}`);
      }
    }));
}

Deno.test("minference changes the prefill of long prompts, and patterns that cover everything do not", () =>
  withEngine(async (engine) => {
    const run = async (name: string, set: Record<string, number> = {}) => {
      const { logprobs } = await generate(engine, {
        promptIds: measurementIds(500, engine.config.vocabSize),
        recipe: { method: findMethod(name), budget: { kind: "tokens", tokens: 1000 }, set },
        session: { kvType: "f32" },
        sampler: GREEDY,
        newTokens: 1,
        ignoreEos: true,
        logprobs: 1,
      });
      return logprobs[0]!.logprob;
    };
    const full = await run("full");
    assert(Math.abs(await run("minference") - full) < 1e-4);
    assert(Math.abs(await run("minference", { vertical: 1, slash: 1 }) - full) > 1e-4);
    assert.equal(await run("minference", { vertical: 1, slash: 1, dense_layers: 3 }), full);
  }));
