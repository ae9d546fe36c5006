/** Samples of files that RULER's own programs made, of 2024 or later, and of kvpress's copies. */
import type { Row } from "../files/row.ts";
import { allRows } from "../files/rows.ts";
import { RunError, UsageError } from "../../error.ts";
import type { Sample } from "../sample.ts";
import { recipes, type RulerTask } from "./recipes.ts";
import { splitInput } from "./split_input.ts";

export interface OfficialOptions {
  readonly task: RulerTask;
  /** Null: those of the file, else the task's. */
  readonly newTokens: number | null;
  /** Without the model's chat template, also where the files leave it to the model. */
  readonly raw: boolean;
}

/** @throws {UsageError} for a file that is damaged or has no record of the task. */
export async function officialSamples(path: string, options: OfficialOptions): Promise<Sample[]> {
  // Tables of kvpress have all tasks in one file.
  const rows = (await allRows(path)).filter((row) => !row.has("task") || row.text("task") === options.task);
  if (rows.length === 0) {
    throw new UsageError(`Cannot use ${path}: expected records of task "${options.task}", found none`);
  }
  if (rows.some((row) => row.has("metric") && row.has("chat"))) {
    throw new UsageError(
      `Cannot use ${path} as RULER's: it is of "rocketkv data build": run it with ` +
        `rocketkv sweep --task file --task-option data=${path}`,
    );
  }
  return rows.map((row, i) => row.has("context") ? kvpressSample(row, i, options) : rulerSample(row, i, options));
}

function rulerSample(row: Row, index: number, { task, newTokens, raw }: OfficialOptions): Sample {
  const { input, prefix } = {
    input: row.text("input"),
    prefix: row.has("answer_prefix") ? row.text("answer_prefix") : null,
  };
  const { context, question, prefix: begin, prerendered } = splitOf(row, task, input, prefix);
  // Files of 2024 without markup were made for models that take the bare text.
  const bare = raw || prefix === null;
  return {
    key: `${index}`, // `index` of the files is not unique
    depth: null,
    context,
    turns: [{
      question,
      answerPrefix: begin,
      maxNewTokens: newTokens ?? recipes[task].newTokens,
      scoring: { metric: recipes[task].metric, references: row.texts("outputs") },
    }],
    chat: prerendered ? "prerendered" : bare ? "raw" : "model",
  };
}

function splitOf(row: Row, task: RulerTask, input: string, prefix: string | null): ReturnType<typeof splitInput> {
  try {
    return splitInput(task, input, prefix);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return row.fail("input", `a prompt of ${task}`, `${input.slice(0, 30)}...`);
  }
}

function kvpressSample(row: Row, index: number, { task, newTokens, raw }: OfficialOptions): Sample {
  return {
    key: `${index}`,
    depth: null,
    context: row.text("context"),
    turns: [{
      question: row.text("question"),
      answerPrefix: row.text("answer_prefix", ""),
      maxNewTokens: newTokens ?? row.integer("max_new_tokens", recipes[task].newTokens),
      scoring: { metric: recipes[task].metric, references: answersOf(row) },
    }],
    chat: raw ? "raw" : "model",
  };
}

/** A list, or one text. */
function answersOf(row: Row): string[] {
  const value = row.value("answer");
  return typeof value === "string" && !/^\[.*\]$/s.test(value) ? [value] : row.texts("answer");
}
