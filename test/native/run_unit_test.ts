/** A unit against each of its arms run alone: the same bits, whatever is shared. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { generate } from "../../lib/engine/generate.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { runUnit } from "../../lib/sweep/run_unit.ts";
import type { SampleResult, Unit } from "../../lib/sweep/unit.ts";
import { assemble } from "../../lib/tasks/assemble.ts";
import type { Sample } from "../../lib/tasks/sample.ts";
import { methodFiles } from "../support/method_files.ts";
import { tinyModel } from "../support/tiny_model.ts";
import { toySample, toyTask, toyTurn } from "../support/toy_task.ts";

const SHAPE = { layers: 3, heads: 4, kvHeads: 2, headDim: 16 } as const;
const TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

async function tinyEngine(): Promise<Engine> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ ...SHAPE, chatTemplate: TEMPLATE }).writeGguf(path);
  const engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  return engine;
}

const recipe = (name: string, tokens: number, set: Recipe["set"] = {}): Recipe => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens },
  set,
  files: methodFiles({ nLayers: SHAPE.layers, nKvHeads: SHAPE.kvHeads, group: SHAPE.heads / SHAPE.kvHeads }),
});

/** Chunks of 64 tokens, so that beginnings of short prompts are shared. */
const SESSION = { kvType: "f32", chunkTokens: 64 } as const;

function unitOf(samples: readonly Sample[], recipes: readonly Recipe[], fields: Partial<Unit> = {}): Unit {
  return {
    ...toyTask(samples),
    arms: recipes.map((recipe, i) => ({ cell: `${i}`, recipe })),
    moment: "query-aware",
    scorer: "fixed",
    truncate: "refuse",
    session: SESSION,
    done: new Set(),
    ...fields,
  };
}

async function resultsOf(engine: Engine, unit: Unit): Promise<SampleResult[]> {
  return await Array.fromAsync(runUnit(engine, unit, { signal: new AbortController().signal }));
}

/** Letters that look random. */
function letters(count: number, seed: number): string {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return String.fromCharCode(97 + (state >>> 16) % 26);
  }).join("");
}

Deno.test("every method answers in a unit as it does alone, on every prompt of a group", async () => {
  using engine = await tinyEngine();
  const shared = letters(400, 1);
  const samples = [0, 150, 300].map((at, i) =>
    toySample(`${i}`, `${shared.slice(0, at)} needle ${shared.slice(at)}`, {
      turns: [toyTurn(" what?", { answerPrefix: "it is", maxNewTokens: 6 })],
    })
  );
  const recipes = [
    ...methods.map(({ name }) => recipe(name, 96)),
    recipe("rocketkv", 48, { decode_tail: 1 }),
    recipe("snapkv", 300),
  ];
  const results = await resultsOf(engine, unitOf(samples, recipes));
  assert.deepEqual(results.map(({ sample }) => sample), ["0", "1", "2"]);
  const options = { tokenise: "split", history: "golden", truncate: "refuse", contextLength: 4096 } as const;
  for (const [s, { answers }] of results.entries()) {
    const { head, turns } = assemble(engine.text, samples[s]!, options);
    const promptIds = [...head, ...turns[0]!.tail];
    for (const [i, recipe] of recipes.entries()) {
      const { prediction } = answers[i]!;
      const alone = await generate(engine, {
        promptIds,
        recipe,
        session: SESSION,
        sampler: GREEDY,
        newTokens: 6,
        continues: true,
      });
      assert.deepEqual(prediction.ids, alone.generatedIds, `${recipe.method.name} on sample ${s}`);
      assert.equal(prediction.answer, alone.text);
      assert.equal(prediction.promptTokens, promptIds.length);
    }
  }
});
