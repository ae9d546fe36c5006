import type { Scoring } from "../sample.ts";

/** Numbers of one answer. `score` is what tables show, from 0 to 1; the others have the metric's own names. */
export type Scores = Readonly<Record<string, number>> & { readonly score: number };

/**
 * @param answer   Generated text, after the task's stops.
 * @param scoring  Its references and details.
 * @param mode     `official` repeats what the benchmark's own code does, defects included; `fixed` does what was meant.
 */
export type Metric = (answer: string, scoring: Scoring, mode: ScoreMode) => Scores;

export type ScoreMode = "official" | "fixed";
