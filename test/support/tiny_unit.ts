/** Units on a small model with random weights. */
import { Engine } from "../../lib/engine/engine.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import type { SessionOptions } from "../../lib/native/session.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import type { SampleResult, Unit } from "../../lib/sweep/run/unit.ts";
import type { Sample } from "../../lib/tasks/sample.ts";
import { random } from "../reference/random.ts";
import { methodFiles } from "./method_files.ts";
import { tinyModel } from "./tiny_model.ts";
import { toyTask } from "./toy_task.ts";

const SHAPE = { layers: 3, heads: 4, kvHeads: 2, headDim: 16 } as const;
const TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

/** Chunks of 64 tokens, so that short prompts share beginnings. */
export const SMALL_CHUNKS: SessionOptions = { kvType: "f32", chunkTokens: 64 };

export async function tinyEngine(): Promise<Engine> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ ...SHAPE, chatTemplate: TEMPLATE }).writeGguf(path);
  const engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  return engine;
}

export function tinyRecipe(name: string, tokens: number, set: Recipe["set"] = {}): Recipe {
  const files = methodFiles({ nLayers: SHAPE.layers, nKvHeads: SHAPE.kvHeads, group: SHAPE.heads / SHAPE.kvHeads });
  return { method: findMethod(name), budget: { kind: "tokens", tokens }, set, files };
}

/** A unit of one group; cells have the numbers of their recipes. */
export function unitOf(
  samples: readonly Sample[],
  recipes: readonly Recipe[],
  { task = {}, ...fields }: Partial<Omit<Unit, "task">> & { task?: Partial<Unit["task"]> } = {},
): Unit {
  return {
    ...toyTask(samples, task),
    arms: recipes.map((recipe, i) => ({ cell: `${i}`, recipe })),
    moment: "query-aware",
    scorer: "fixed",
    truncate: "refuse",
    session: SMALL_CHUNKS,
    done: new Set(),
    ...fields,
  };
}

export function resultsOf(engine: Engine, unit: Unit): Promise<SampleResult[]> {
  return Array.fromAsync(runUnit(engine, unit, { signal: new AbortController().signal }));
}

/** Small letters in no order. */
export function letters(count: number, seed: number): string {
  const next = random(seed);
  return Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(next() * 26))).join("");
}
