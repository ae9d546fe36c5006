/** A record of LongBench in either of its forms, as a sample. */
import type { Row } from "../files/row.ts";
import type { Json, Sample, Turn } from "../sample.ts";
import type { LongBenchTask } from "./tasks.ts";
import { fill, type PromptTemplate } from "./template.ts";

/** How answers are scored, besides what the record says. */
export type ScoringOptions = Readonly<Record<string, Json>>;

/**
 * Whether a file has its prompts written out already: `context` then holds the instructions too, and the question and the
 * beginning of the answer are fields of their own.
 */
export function isPrerendered(row: Row): boolean {
  return row.has("answer_prefix");
}

/** @param newTokens  Most tokens of an answer. @throws {UsageError} naming file, place and field. */
export function sampleOf(
  row: Row,
  key: string,
  task: LongBenchTask,
  template: PromptTemplate,
  newTokens: number,
  options: ScoringOptions,
): Sample {
  const values = { context: row.text("context"), input: row.text("input", "") };
  return {
    key,
    depth: null,
    context: fill(template.context, values),
    turns: [{
      question: fill(template.question, values),
      answerPrefix: template.answerPrefix,
      maxNewTokens: newTokens,
      ...scored(row, task, options),
    }],
    chat: task.chat ? "model" : "raw",
    about: about(row),
  };
}

/** @throws {UsageError} naming file, place and field. */
export function prerenderedSample(row: Row, key: string, task: LongBenchTask, options: ScoringOptions): Sample {
  return {
    key,
    depth: null,
    context: row.text("context"),
    turns: [{
      question: row.text("question", ""),
      answerPrefix: row.text("answer_prefix"),
      maxNewTokens: row.integer("max_new_tokens", task.newTokens),
      ...scored(row, task, options),
    }],
    chat: task.chat ? "model" : "raw",
    about: about(row),
  };
}

function scored(row: Row, task: LongBenchTask, options: ScoringOptions): Pick<Turn, "scoring" | "stop"> {
  const references = row.texts("answers");
  if (references.length === 0) row.fail("answers", "a list with at least one text");
  const classes = task.metric === "classification" ? { classes: row.texts("all_classes") } : {};
  const details = {
    ...options,
    ...classes,
    ...(task.firstLine && { firstLine: true }),
    words: row.integer("length", 0),
  };
  return {
    scoring: { metric: task.metric, references, details },
    ...(task.category === "few-shot" && task.metric === "rouge_l" && { stop: ["\n"] }), // samsum
  };
}

function about(row: Row): Record<string, Json> {
  return row.has("_id") ? { id: row.text("_id") } : {};
}
