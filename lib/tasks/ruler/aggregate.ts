/** The numbers that RULER's own tables have (arXiv:2404.06654), from the scores of its tasks. */
import { mean } from "../../statistics.ts";
import { RULER_TASKS } from "./recipes.ts";

/** Score of one task at one length, from 0 to 1. */
export interface TaskScore {
  readonly task: string;
  readonly length: number;
  readonly score: number;
}

export interface RulerAggregate {
  /** Ascending. Null where a task is missing: its mean would be one of other tasks. */
  readonly byLength: readonly { readonly length: number; readonly mean: number | null }[];
  /** Of all lengths; null unless every length has one. */
  readonly mean: number | null;
  /** The same with weights 1, 2, 3, ... from the shortest to the longest length, and the other way round. */
  readonly weightedToLong: number | null;
  readonly weightedToShort: number | null;
  /** Longest length whose mean, and those of all shorter ones, is above what Llama-2-7B has at 4K; null when there is none. */
  readonly effectiveLength: number | null;
}

/** The published threshold, in percent. */
export const EFFECTIVE = 85.6;

export function rulerAggregate(scores: readonly TaskScore[]): RulerAggregate {
  const lengths = [...new Set(scores.map(({ length }) => length))].sort((a, b) => a - b);
  const byLength = lengths.map((length) => {
    const found = RULER_TASKS.map((task) => scores.find((one) => one.task === task && one.length === length)?.score);
    const whole = found.every((score) => score !== undefined);
    return { length, mean: whole ? mean(found) : null };
  });
  const means = byLength.flatMap(({ mean }) => mean ?? []);
  const complete = means.length > 0 && means.length === byLength.length;
  const weighted = (weight: (rank: number) => number) => {
    const weights = means.map((_, i) => weight(i));
    return means.reduce((sum, score, i) => sum + score * weights[i]!, 0) / weights.reduce((a, b) => a + b);
  };
  let effectiveLength: number | null = null;
  for (const { length, mean } of byLength) {
    if (mean === null || 100 * mean <= EFFECTIVE) break;
    effectiveLength = length;
  }
  return {
    byLength,
    mean: complete ? mean(means) : null,
    weightedToLong: complete ? weighted((i) => i + 1) : null,
    weightedToShort: complete ? weighted((i) => means.length - i) : null,
    effectiveLength,
  };
}
