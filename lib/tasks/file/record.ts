/**
 * Samples as lines of a file. The first five fields are those of RULER's `validation.jsonl`, so that other programs can run the
 * same prompts; the others make the line whole: what is read back is the sample that was written.
 *
 *     index  input  outputs  length  answer_prefix
 *     question  max_new_tokens  metric  details  stop  expected  chat  depth  gold  key  group  about
 */
import type { Row } from "../files/row.ts";
import { type MetricName, metrics } from "../metrics/registry.ts";
import { RunError } from "../../error.ts";
import type { Json, Sample, Span } from "../sample.ts";

const CHATS = ["model", "raw", "prerendered"] as const;

/**
 * A line of JSON.
 *
 * @param length  Tokens of the prompt and of the answer.
 * @throws {RunError} for a sample with several turns, which the form has no place for.
 */
export function lineOf(
  sample: Sample,
  place: { readonly index: number; readonly group: string; readonly length: number },
): string {
  const [turn, ...others] = sample.turns;
  if (others.length > 0) {
    throw new RunError(`Cannot write sample ${sample.key}: expected one turn, found ${others.length + 1}`);
  }
  const { scoring, stop, expected } = turn!;
  return JSON.stringify({
    index: place.index,
    input: sample.context + turn!.question,
    outputs: scoring.references,
    length: place.length,
    answer_prefix: turn!.answerPrefix,
    question: turn!.question,
    max_new_tokens: turn!.maxNewTokens,
    metric: scoring.metric,
    ...(scoring.details && { details: scoring.details }),
    ...(stop && { stop }),
    ...(expected !== undefined && { expected }),
    chat: sample.chat,
    depth: sample.depth,
    ...(sample.gold && { gold: sample.gold }),
    key: sample.key,
    group: place.group,
    ...(sample.about && { about: sample.about }),
  });
}

/** Metrics of answers: the other one is of runs that have none. */
export const ANSWER_METRICS = (Object.keys(metrics) as MetricName[]).filter((name) => name !== "fidelity");

/** What lines leave out that somebody else wrote. */
export interface Defaults {
  readonly metric: MetricName;
  readonly newTokens: number;
  readonly chat: Sample["chat"];
}

/** @throws {UsageError} naming file, place and field. */
export function sampleFrom(row: Row, key: string, defaults: Defaults): Sample {
  const input = row.text("input"), question = row.text("question", "");
  if (!input.endsWith(question)) row.fail("question", 'the end of "input"');
  const wanted = row.text("metric", defaults.metric);
  const metric = ANSWER_METRICS.find((name) => name === wanted) ??
    row.fail("metric", `one of ${ANSWER_METRICS.join(", ")}`);
  const chat = CHATS.find((one) => one === row.text("chat", defaults.chat)) ??
    row.fail("chat", `one of ${CHATS.join(", ")}`);
  const depth = row.value("depth") ?? null;
  if (depth !== null && typeof depth !== "number") row.fail("depth", "a number");
  return {
    key: row.text("key", key),
    depth,
    context: input.slice(0, input.length - question.length),
    turns: [{
      question,
      answerPrefix: row.text("answer_prefix", ""),
      maxNewTokens: row.integer("max_new_tokens", defaults.newTokens),
      scoring: {
        metric,
        references: row.texts("outputs"),
        ...(row.has("details") && { details: objectOf(row, "details") }),
      },
      ...(row.has("stop") && { stop: row.texts("stop") }),
      ...(row.has("expected") && { expected: row.text("expected") }),
    }],
    chat,
    ...(row.has("gold") &&
      { gold: row.rows("gold").map((span): Span => ({ from: span.integer("from"), to: span.integer("to") })) }),
    ...(row.has("about") && { about: objectOf(row, "about") }),
  };
}

function objectOf(row: Row, name: string): Record<string, Json> {
  const value = row.value(name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) row.fail(name, "an object");
  return value as Record<string, Json>;
}
