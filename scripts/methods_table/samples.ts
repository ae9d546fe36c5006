/** One sample of a table after the other, each with all methods at all budgets. */
import type { Cost } from "../../lib/engine/cost.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { measureFidelity } from "../../lib/fidelity/run.ts";
import type { StepMeasure } from "../../lib/fidelity/measures.ts";
import { runNiah } from "../../lib/tasks/niah/run.ts";
import { niahSample } from "../../lib/tasks/niah/sample.ts";
import type { Journal } from "./journal.ts";
import type { Settings } from "./settings.ts";
import { type TextName, TEXTS, textsOf } from "./texts.ts";

/** What a method read in a step and has stored at the end. */
export type Spent = Pick<Cost, "measuredBudget" | "kvBytes" | "auxBytes">;

export interface TextRecord {
  readonly key: string;
  readonly kind: "text";
  readonly context: number;
  readonly text: TextName;
  readonly noise: readonly StepMeasure[];
  /** In the order of the recipes. */
  readonly arms: readonly { readonly measures: readonly StepMeasure[]; readonly spent: Spent }[];
}

export interface NeedleRecord {
  readonly key: string;
  readonly kind: "needle";
  readonly context: number;
  readonly depth: number;
  readonly arms: readonly {
    readonly answer: string;
    readonly found: boolean;
    readonly partial: number;
    /** Mean over the tokens of the key. */
    readonly keyLogprob: number;
    readonly spent: Spent;
  }[];
}

export type SampleRecord = TextRecord | NeedleRecord;

/** Tokens that an answer may have beside the key: prompts end where the key comes next. */
const ROOM = 2;

/** A sample that is still to be made. */
interface Task {
  readonly key: string;
  make(): Promise<SampleRecord>;
}

/** Where samples come from; the recipes are not part of it. */
export type SampleSettings = Pick<Settings, "contexts" | "samples" | "depths" | "steps" | "seed">;

/** Prompts of one length. */
interface Round {
  readonly engine: Engine;
  readonly settings: SampleSettings;
  readonly context: number;
  readonly recipes: readonly Recipe[];
  readonly signal: AbortSignal;
}

/**
 * @param recipesFor  What is compared on prompts of a length.
 * @param signal      Stops between two samples, or within one, which is then lost.
 */
export async function makeSamples(
  engine: Engine,
  settings: SampleSettings,
  recipesFor: (context: number) => readonly Recipe[],
  journal: Journal<SampleRecord>,
  { signal, onSample }: { signal: AbortSignal; onSample: (key: string, done: number, total: number) => void },
): Promise<void> {
  const tasks = settings.contexts.flatMap((context) => {
    const round = { engine, settings, context, recipes: recipesFor(context), signal };
    return [...textTasks(round), ...needleTasks(round)];
  });
  for (const [i, task] of tasks.entries()) {
    if (journal.find(task.key) === undefined) journal.add(await task.make());
    onSample(task.key, i + 1, tasks.length);
  }
}

/** Every text is a prompt and what really follows it. */
function textTasks({ engine, settings: { steps, samples, seed }, context, recipes, signal }: Round): Task[] {
  if (steps === 0) return [];
  return TEXTS.flatMap((text) =>
    textsOf(text, engine.text.tokenizer, context + steps, samples, seed).map((ids, i): Task => {
      const key = `${text}/${context}/${i}`;
      return {
        key,
        async make() {
          const [promptIds, continuation] = [ids.slice(0, context), ids.slice(context)];
          const { noise, arms } = await measureFidelity(engine, { promptIds, continuation, recipes, steps, signal });
          const kept = arms.map(({ measures, cost }) => ({ measures, spent: spentOf(cost) }));
          return { key, kind: "text", context, text, noise, arms: kept };
        },
      };
    })
  );
}

function needleTasks({ engine, settings: { depths, samples, seed }, context, recipes, signal }: Round): Task[] {
  return Array.from({ length: samples }, (_, index) => index).flatMap((index) =>
    depths.map((depth): Task => {
      const key = `needle/${context}/${index}/${depth}`;
      return {
        key,
        async make() {
          const sample = niahSample(engine.text, { length: context, depth, index, seed });
          const answerTokens = sample.keyIds.length + ROOM;
          const arms = (await runNiah(engine, { sample, recipes, answerTokens, signal })).map((result) => ({
            answer: result.answer,
            found: result.found,
            partial: result.partial,
            keyLogprob: result.keyLogprobs.reduce((a, b) => a + b) / result.keyLogprobs.length,
            spent: spentOf(result.cost),
          }));
          return { key, kind: "needle", context, depth, arms };
        },
      };
    })
  );
}

function spentOf({ measuredBudget, kvBytes, auxBytes }: Cost): Spent {
  return { measuredBudget, kvBytes, auxBytes };
}
