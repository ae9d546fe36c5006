/** Every metric by name. */
import type { Scoring } from "../sample.ts";
import { matchAll, matchPart } from "./contains.ts";
import { niah } from "./niah.ts";
import type { Metric, ScoreMode, Scores } from "./metric.ts";

export const metrics = {
  match_all: matchAll,
  match_part: matchPart,
  niah,
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/**
 * Score one answer both ways.
 *
 * @param mode  Whose number is `score`; where the other way gives another number, it is there under its own name.
 */
export function scoreAnswer(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const metric: Metric = metrics[scoring.metric];
  const other = mode === "official" ? "fixed" : "official";
  const scores = metric(answer, scoring, mode), others = metric(answer, scoring, other);
  return scores.score === others.score ? scores : { ...scores, [other]: others.score };
}
