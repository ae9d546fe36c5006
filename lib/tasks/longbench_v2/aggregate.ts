/** The numbers of LongBench v2's own table, from 0 to 1. */
import { mean } from "../../statistics.ts";
import type { Prediction } from "../../sweep/folder/prediction.ts";

export interface PartMean {
  /** `overall`, a difficulty or a length, or `compensated`: an answer without a choice counts as a quarter. */
  readonly name: string;
  readonly answers: number;
  readonly value: number | null;
}

const PARTS = ["easy", "hard", "short", "medium", "long"];

/** Answers without scores are passed over. */
export function longbenchV2Averages(predictions: readonly Pick<Prediction, "scoring" | "scores">[]): PartMean[] {
  const scored = predictions.flatMap(({ scoring, scores }) => scores === null ? [] : [{ scoring, scores }]);
  const of = (name: string, values: readonly number[]): PartMean => (
    { name, answers: values.length, value: values.length === 0 ? null : mean(values) }
  );
  return [
    of("overall", scored.map(({ scores }) => scores.score)),
    ...PARTS.map((part) => {
      const own = scored.filter(({ scoring: { details } }) => details?.difficulty === part || details?.length === part);
      return of(part, own.map(({ scores }) => scores.score));
    }),
    of("compensated", scored.map(({ scores }) => scores.compensated ?? scores.score)),
  ];
}
