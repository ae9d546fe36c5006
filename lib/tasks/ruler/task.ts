/** The tasks `ruler/...`: generated here, or from files of RULER's own programs. */
import { UsageError } from "../../error.ts";
import { openHaystack } from "../haystack/source.ts";
import type { SampleGroup, Task, TaskSpec } from "../task.ts";
import type { Sample } from "../sample.ts";
import { TaskOptions } from "../task_options.ts";
import { officialSamples } from "./official.ts";
import { hashOf, officialFile, officialLengths, refuseMissing } from "./official_files.ts";
import { readQuestions } from "./qa_file.ts";
import { type Recipe, rulerSample, type RulerSources } from "./recipe.ts";
import { recipes, RULER_TASKS, type RulerTask } from "./recipes.ts";

/** Of what makes samples: another one wherever the same request gives another text. */
const GENERATOR = "ruler-1";

export const tasks: readonly string[] = RULER_TASKS;

interface RulerOptions {
  /** See `openHaystack`; of the tasks that hide needles in prose. */
  readonly haystack: string;
  /** File with questions and documents; null: invented ones. */
  readonly questions: string | null;
  /** Folder or file of official data; null: native samples. */
  readonly data: string | null;
  readonly raw: boolean;
  /** Most tokens of an answer; null: the task's. */
  readonly newTokens: number | null;
}

/** @throws {UsageError} for options that it does not know or cannot use, and for data that is missing or damaged. */
export async function open(spec: TaskSpec): Promise<Task> {
  const task = spec.name.split("/")[1] as RulerTask;
  const options = rulerOptions(spec);
  return options.data === null
    ? await openNative(spec.name, task, options)
    : await openOfficial(spec.name, task, { ...options, data: options.data });
}

function rulerOptions(spec: TaskSpec): RulerOptions {
  const read = new TaskOptions(spec);
  const options = {
    haystack: read.text("haystack", "prose"),
    questions: read.text("questions", null),
    data: read.text("data", null),
    raw: read.flag("raw"),
    newTokens: read.any("newTokens") == null ? null : read.integer("newTokens", 0, 1),
  };
  read.done();
  for (const name of ["haystack", "questions"] as const) {
    if (options.data !== null && (spec.options[name] ?? null) !== null) {
      throw new UsageError(
        `Cannot use option "${name}" of task "${spec.name}" with "data": its prompts are made already`,
      );
    }
  }
  return options;
}

async function openNative(name: string, task: RulerTask, options: RulerOptions): Promise<Task> {
  const recipe: Recipe = recipes[task];
  const { haystack, questions, raw } = options;
  const newTokens = options.newTokens ?? recipe.newTokens;
  const asks = task.startsWith("qa_") && questions !== null;
  const { haystack: essay, id } = await openHaystack(recipe.hasEssay ? haystack : "prose");
  const sources: RulerSources = { essay, questions: asks ? await readQuestions(questions) : null };
  return {
    spec: {
      name,
      options: { ...(recipe.hasEssay && { haystack }), ...(asks && { questions }), raw, newTokens: options.newTokens },
    },
    dataMode: "native",
    usesLength: true,
    dataId: [
      GENERATOR,
      ...recipe.hasEssay ? [id] : [],
      ...asks ? [`questions sha256:${await hashOf([questions])}`] : [],
    ].join(" "),
    // deno-lint-ignore require-await -- a length that cannot be used is a rejection
    async groups({ text, length, seed, count }) {
      if (length?.unit !== "tokens") {
        throw new UsageError(`Cannot use length "${length?.count}w" with ruler: it must be tokens, such as 4096`);
      }
      const request = { text, name: task, recipe, sources, length: length.count, seed, newTokens, raw };
      return Array.from(
        { length: Math.min(count, sources.questions?.length ?? count) },
        (_, index) => single({ key: `${index}`, make: () => rulerSample({ ...request, index }) }),
      );
    },
  };
}

async function openOfficial(name: string, task: RulerTask, options: RulerOptions & { data: string }): Promise<Task> {
  const { data, raw, newTokens } = options;
  const lengths = await officialLengths(data);
  const files = new Map<number | null, string>();
  for (const one of lengths.length > 0 ? lengths : [null]) {
    const file = await officialFile(data, task, one);
    if (file !== null) files.set(one, file);
  }
  if (files.size === 0) refuseMissing(data, task, lengths[0] ?? null);
  return {
    // Where the files lie is no part of what they are.
    spec: { name, options: { raw, newTokens } },
    dataMode: "official",
    usesLength: lengths.length > 0,
    tokenise: "whole",
    dataId: `sha256:${await hashOf([...files.values()])}`,
    async groups({ length, count }) {
      const wanted = lengths.length > 0 ? length?.count ?? null : null;
      const samples = await officialSamples(files.get(wanted) ?? refuseMissing(data, task, wanted), {
        task,
        raw,
        newTokens,
      });
      return samples.slice(0, count).map((sample) => single({ key: sample.key, make: () => sample }));
    },
  };
}

/** Prompts of RULER have no beginning in common. */
function single(
  { key, make }: { key: string; make: () => Sample },
): SampleGroup {
  // deno-lint-ignore require-await -- what making a sample throws shall be a rejection
  return { id: key, keys: [key], make: async () => [make()] };
}
