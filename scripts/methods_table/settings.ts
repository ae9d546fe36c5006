/** What a table is made of: everything that its numbers depend on, apart from code and machine. */
import { parseArgs } from "node:util";
import { UsageError } from "../../lib/error.ts";
import { type Gates, parseGates } from "../../lib/methods/gates_file.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import type { ModelConfig } from "../../lib/model/types.ts";

export interface Settings {
  /** A pulled model or a path; `needle` = the constructed retrieval model. */
  readonly model: string;
  readonly contexts: readonly number[];
  readonly budgets: readonly number[];
  /** Prompts of each text, and needles at each depth. */
  readonly samples: number;
  /** Where needles go, in percent. */
  readonly depths: readonly number[];
  /** Next-token distributions that are compared on every prompt; 0 = needles only. */
  readonly steps: number;
  readonly seed: number;
  readonly threads: number;
  /** Gates of duoattention, or null where no budget needs them. */
  readonly gates: string | null;
}

export interface Command {
  readonly settings: Settings;
  readonly resume: boolean;
  /** Folder of the results. */
  readonly out: string;
}

/** The constructed model reads bytes and has nothing to say but keys. */
const NEEDLE_DEFAULTS = { contexts: "1024,2048", steps: "0" };
const DEFAULTS = { contexts: "2048,4096", steps: "16" };

/** @throws {UsageError} for numbers that are none. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string", default: "smollm2" },
      contexts: { type: "string" },
      budgets: { type: "string", default: "64,128,256,512" },
      samples: { type: "string", default: "3" },
      depths: { type: "string", default: "10,50,90" },
      steps: { type: "string" },
      seed: { type: "string", default: "1" },
      threads: { type: "string", default: String(navigator.hardwareConcurrency) },
      gates: { type: "string" },
      resume: { type: "boolean", default: false },
      out: { type: "string", default: new URL("../../docs/results", import.meta.url).pathname },
    },
  });
  const usual = values.model === "needle" ? NEEDLE_DEFAULTS : DEFAULTS;
  const number = (name: string, text: string, min: number) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= min)) throw new UsageError(`Cannot use --${name} "${text}": it must be an integer >= ${min}`);
    return value;
  };
  const numbers = (name: string, text: string, min: number) => text.split(",").map((one) => number(name, one, min));
  return {
    settings: {
      model: values.model,
      contexts: numbers("contexts", values.contexts ?? usual.contexts, 1),
      budgets: numbers("budgets", values.budgets, 1),
      samples: number("samples", values.samples, 1),
      depths: numbers("depths", values.depths, 0),
      steps: number("steps", values.steps ?? usual.steps, 0),
      seed: number("seed", values.seed, 0),
      threads: number("threads", values.threads, 1),
      gates: values.gates ?? null,
    },
    resume: values.resume,
    out: values.out,
  };
}

/** Wrapped methods that are compared beside the plain ones. */
const WRAPPED = ["adakv(snapkv)", "criticalkv(snapkv)", "adakv(expected-attention)"];

/** The last prompt token is the method's own work, as in the RocketKV paper's runs. */
const DECODE_TAIL = 1;

/** What gates must fit. */
export type Heads = Pick<ModelConfig, "nLayers" | "nKvHeads">;

/** Every method with every budget; those without a budget once. */
export function recipesOf({ budgets, gates }: Settings, config: Heads, context: number): Recipe[] {
  return [...methods, ...WRAPPED.map(findMethod)].flatMap((method) => {
    const set = { decode_tail: DECODE_TAIL, ...(method.name === "minference" && patternsFor(context)) };
    const files = method.name === "duoattention" ? { gates: gatesFor(budgets, gates, config) } : {};
    return (method.ignoresBudget ? budgets.slice(0, 1) : budgets)
      .map((tokens): Recipe => ({ method, budget: { kind: "tokens", tokens }, set, files }));
  });
}

/** MInference's own numbers hold all of a short prompt: these are in the proportion of a search over 16K tokens. */
export function patternsFor(context: number): { vertical: number; slash: number } {
  return { vertical: Math.ceil(context / 16), slash: Math.ceil(context / 4) };
}

/** Up to this budget every head of duoattention streams, and gates decide nothing. */
const GATES_FROM = 640;

function gatesFor(budgets: readonly number[], path: string | null, { nLayers, nKvHeads }: Heads): Gates {
  if (path !== null) return parseGates(Deno.readTextFileSync(path), path);
  if (Math.max(...budgets) > GATES_FROM) {
    throw new UsageError(
      `Cannot run duoattention with a budget above ${GATES_FROM} tokens: pass its gates with --gates`,
    );
  }
  return { path: "none", gates: Array.from({ length: nLayers }, () => new Array<number>(nKvHeads).fill(0)) };
}
