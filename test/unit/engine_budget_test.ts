/** What plans are predicted to read and to store, against what the library counts. */

import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { generate, type GenerateRecord } from "../../lib/engine/generate.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { measurementIds } from "../../lib/engine/measure.ts";
import { auxBytes, planCost } from "../../lib/methods/cost.ts";
import { kvFormat, type KvType } from "../../lib/methods/kv_format.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { methodFiles } from "../support/method_files.ts";
import { tinyModel } from "../support/tiny_model.ts";

const PROMPT = 300, NEW = 20;
const MODEL = { layers: 4, heads: 8, kvHeads: 2, headDim: 32 } as const;
const SHAPE = { nLayers: 4, nHeads: 8, nKvHeads: 2, headDim: 32, slidingWindow: 0 };

async function withEngine(use: (engine: Engine) => Promise<void>): Promise<void> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel(MODEL).writeGguf(path);
  using engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  await use(engine);
}

function run(engine: Engine, name: string, tokens: number, kvType: KvType = "bf16"): Promise<GenerateRecord> {
  return generate(engine, {
    promptIds: measurementIds(PROMPT, engine.config.vocabSize),
    recipe: {
      method: findMethod(name),
      budget: { kind: "tokens", tokens },
      set: {},
      files: methodFiles({ nLayers: 4, nKvHeads: 2, group: 4 }),
    },
    session: kvOptions(kvType, 32),
    sampler: GREEDY,
    newTokens: NEW,
    ignoreEos: true,
  });
}

/** The last new token is never fed: what is cached and read in the end is that of one token fewer. */
const fed = (format = kvFormat("bf16", 32)) => ({ shape: SHAPE, promptTokens: PROMPT, newTokens: NEW - 1, format });

/** Heads that choose for themselves share rows or not, and heads with budgets of their own differ: at most, or about. */
const BOUNDS = ["snapkv-head", "quest-official", "oracle"];
const MEANS = ["adakv(snapkv)"];

for (const name of [...methods, ...wrappers].map(({ name }) => findMethod(name).name)) {
  Deno.test(`${name} reads and stores what its plans are predicted to`, () =>
    withEngine(async (engine) => {
      for (const budget of [64, 1]) {
        const { plans, cost, compression } = await run(engine, name, budget);
        const expected = planCost(plans, fed());
        const read = { score: cost.scoreReadBytes, attend: cost.attendReadBytes };
        const between = (value: number, first: number, last: number, what: string) => {
          const low = BOUNDS.includes(name) ? 0 : Math.min(first, last), high = Math.max(first, last);
          const slack = MEANS.includes(name) ? 1.1 : 1 + 1e-9;
          assert(value <= high * slack && value >= low / slack, `${what} at ${budget}: ${value} of ${low} to ${high}`);
        };
        between(read.score, expected.first.scoreBytes, expected.last.scoreBytes, "score bytes");
        between(read.attend, expected.first.attendBytes, expected.last.attendBytes, "attend bytes");
        between(cost.kvBytes, expected.kvBytes, expected.kvBytes, "KV bytes");
        // Lists and bounds are allocated with room to grow: next to nothing of a budget of one token.
        const room = budget === 1 ? Infinity : 2.5 * auxBytes(expected);
        between(cost.auxBytes, auxBytes(expected), room, "bytes beside");
        if (MEANS.includes(name)) continue;
        const kept = plans.map((plan) => plan.evict === "none" ? PROMPT : Math.min(plan.keep, PROMPT));
        assert(compression.keptMin <= Math.min(...kept) && compression.keptMax >= Math.max(...kept));
      }
    }));
}

for (const kvType of ["int8", "int4", "int2", "f32"] as const) {
  Deno.test(`a cache of ${kvType} reads and stores what is predicted`, () =>
    withEngine(async (engine) => {
      const { cost, plans } = await run(engine, "full", 1, kvType);
      const expected = planCost(plans, fed(kvFormat(kvType, 32)));
      assert.equal(cost.kvBytes, expected.kvBytes);
      assert(cost.attendReadBytes >= expected.first.attendBytes && cost.attendReadBytes <= expected.last.attendBytes);
      for (const name of ["rocketkv", "rocketkv-mt", "snapkv", "snapkv-head", "adakv", "hsa"]) {
        const { generatedIds } = await run(engine, name, 64, kvType);
        assert.equal(generatedIds.length, NEW, name);
      }
      if (kvType === "f32") return;
      for (const name of ["streaming", "h2o", "duoattention"]) {
        await assert.rejects(run(engine, name, 64, kvType), {
          name: "UsageError",
          message:
            `Cannot use --kv-type ${kvType} with ${name}: expected a method that drops nothing at single steps: ` +
            "pass --kv-type bf16",
        });
      }
    }));
}
