/** One sample of a table after the other, each with all methods at all budgets. */
import type { Cost } from "../../lib/engine/cost.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { measureFidelity } from "../../lib/fidelity/run.ts";
import type { StepMeasure } from "../../lib/fidelity/measures.ts";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import type { Journal } from "./journal.ts";
import type { Settings } from "./settings.ts";
import { mean } from "../../lib/statistics.ts";
import { RunError } from "../../lib/error.ts";
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

/** Most tokens of an answer: prompts end where the key comes next, a number of 7 digits. */
const ANSWER_TOKENS = 10;

/** Samples that are made together. */
interface Batch {
  readonly keys: readonly string[];
  /** Those whose keys are not done. */
  make(done: ReadonlySet<string>): AsyncGenerator<SampleRecord>;
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
  const batches = settings.contexts.flatMap((context) => {
    const round = { engine, settings, context, recipes: recipesFor(context), signal };
    return [...textBatches(round), ...needleBatches(round)];
  });
  const keys = batches.flatMap((batch) => batch.keys);
  const done = new Set(keys.filter((key) => journal.find(key) !== undefined));
  for (const batch of batches) {
    if (batch.keys.every((key) => done.has(key))) continue;
    for await (const record of batch.make(done)) {
      journal.add(record);
      done.add(record.key);
      onSample(record.key, done.size, keys.length);
    }
  }
}

/** Every text is a prompt and what really follows it. */
function textBatches({ engine, settings: { steps, samples, seed }, context, recipes, signal }: Round): Batch[] {
  if (steps === 0) return [];
  return TEXTS.flatMap((text) =>
    textsOf(text, engine.text.tokenizer, context + steps, samples, seed).map((ids, i): Batch => {
      const key = `${text}/${context}/${i}`;
      return {
        keys: [key],
        async *make() {
          const [promptIds, continuation] = [ids.slice(0, context), ids.slice(context)];
          const { noise, arms } = await measureFidelity(engine, { promptIds, continuation, recipes, steps, signal });
          const kept = arms.map(({ measures, cost }) => ({ measures, spent: spentOf(cost) }));
          yield { key, kind: "text", context, text, noise, arms: kept };
        },
      };
    })
  );
}

/** All depths of a haystack share what is in front of their needles. */
function needleBatches({ engine, settings: { depths, samples, seed }, context, recipes, signal }: Round): Batch[] {
  return Array.from({ length: samples }, (_, index): Batch => {
    const keyOf = (depth: number | null) => `needle/${context}/${index}/${depth}`;
    return {
      keys: depths.map(keyOf),
      async *make(done) {
        const task = await openTask({ name: "niah", options: { depths, newTokens: ANSWER_TOKENS } });
        const length = { unit: "tokens", count: context + ANSWER_TOKENS } as const;
        const groups = await task.groups({ text: engine.text, length, seed, count: samples });
        const group = groups[index]!;
        const finished = group.keys.filter((_, i) => done.has(keyOf(depths[i]!)));
        const arms = recipes.map((recipe, i) => ({ cell: `${i}`, recipe }));
        const unit = {
          task,
          group,
          arms,
          moment: "query-aware",
          scorer: "fixed",
          truncate: "refuse",
          session: {},
        } as const;
        for await (const { answers } of runUnit(engine, { ...unit, done: new Set(finished) }, { signal })) {
          const predictions = answers.map(({ prediction }) => prediction);
          yield {
            key: keyOf(predictions[0]!.depth),
            kind: "needle",
            context,
            depth: predictions[0]!.depth!,
            arms: predictions.map(armOf),
          };
        }
      },
    };
  });
}

/** @throws {RunError} for an arm that memory was too small for. */
function armOf({ answer, scores, expectedLogprobs, cache, error }: Prediction): NeedleRecord["arms"][number] {
  if (error !== undefined) {
    throw new RunError(`Cannot make the table: expected an answer of every method, found ${error}`);
  }
  const { measuredBudget, storedBytes, auxBytes } = cache!;
  return {
    answer,
    found: scores!.score === 1,
    partial: scores!["partial"]!,
    keyLogprob: mean(expectedLogprobs!),
    spent: { measuredBudget, kvBytes: storedBytes, auxBytes },
  };
}

function spentOf({ measuredBudget, kvBytes, auxBytes }: Cost): Spent {
  return { measuredBudget, kvBytes, auxBytes };
}
