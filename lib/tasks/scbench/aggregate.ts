/** The averages that people publish of SCBench: means per turn first, then over turns, then over tasks. Scores from 0 to 1. */
import { mean } from "../../statistics.ts";
import type { ScoreMode } from "../metrics/metric.ts";
import { NAMES, TASKS } from "./tasks.ts";

/** One scored answer. */
export interface TurnScore {
  readonly turn: number;
  /** Where tasks mix. */
  readonly subtask?: string;
  readonly score: number;
}

export interface TurnMean {
  readonly turn: number;
  /** Empty where tasks do not mix. */
  readonly subtask: string;
  readonly answers: number;
  /** Null where no session has this part at this turn. */
  readonly mean: number | null;
}

/** Every turn of a task, each part of a mixed one by itself. @param task  Without the benchmark's name. */
export function turnMeans(task: string, scores: readonly TurnScore[]): TurnMean[] {
  const turns = 1 + scores.reduce((most, { turn }) => Math.max(most, turn), -1);
  return Array.from({ length: turns }, (_, turn) =>
    Object.keys(TASKS[task]!.kinds).map((subtask): TurnMean => {
      const own = scores.filter((one) => one.turn === turn && (one.subtask ?? "") === subtask);
      return {
        turn,
        subtask,
        answers: own.length,
        mean: own.length === 0 ? null : mean(own.map(({ score }) => score)),
      };
    })).flat();
}

/**
 * A task's score: the mean over its turns, so that late turns that few sessions have weigh as much as the first. A part that is
 * missing at a turn counts as 0 in RocketKV's tables (`official`), and is passed over in `fixed`. Null without an answer.
 */
export function taskScore(task: string, scores: readonly TurnScore[], mode: ScoreMode): number | null {
  const means = turnMeans(task, scores).flatMap(({ mean }) => mean ?? (mode === "official" ? 0 : []));
  return scores.length === 0 || means.length === 0 ? null : mean(means);
}

/**
 * @param scores  By task name without the benchmark's.
 * @returns The mean, and what RocketKV prints: the sum of twelve tasks, divided by eleven.
 */
export function scbenchAverages(scores: ReadonlyMap<string, number>): {
  readonly name: string;
  readonly value: number | null;
  readonly lacks: readonly string[];
}[] {
  const found = NAMES.flatMap((task) => scores.get(task) ?? []);
  const lacks = NAMES.filter((task) => !scores.has(task));
  const sum = found.reduce((a, b) => a + b, 0);
  return [
    { name: "mean of tasks", value: found.length === 0 ? null : sum / found.length, lacks },
    { name: "RocketKV's sum / 11", value: lacks.length > 0 ? null : sum / 11, lacks },
  ];
}
