/** The averages that people publish of LongBench; they differ, so each has its name. Scores from 0 to 1. */
import { mean } from "../../statistics.ts";
import { type Category, ENGLISH, EVEN, TASKS } from "./tasks.ts";

export interface Average {
  readonly name: string;
  /** Null where no task of it has a score. */
  readonly value: number | null;
  /** Tasks that it is of and that have no score: not empty is PARTIAL. */
  readonly lacks: readonly string[];
}

/**
 * @param scores  By task name without the benchmark's. Chinese tasks and those of LongBench-E are in none of the averages.
 * @returns The categories, then `six categories` (their plain mean, LongBench's own English average), `15 data sets` (RocketKV's:
 * all but passage_count) and `16 data sets` (what most others print).
 */
export function longbenchAverages(scores: ReadonlyMap<string, number>): Average[] {
  const of = (name: string, tasks: readonly string[]): Average => {
    const found = tasks.flatMap((task) => scores.get(task) ?? []);
    return {
      name,
      value: found.length === 0 ? null : mean(found),
      lacks: tasks.filter((task) => !scores.has(task)),
    };
  };
  const byCategory = Map.groupBy(ENGLISH, (task): Category => TASKS[task]!.category);
  const categories = [...byCategory].map(([category, tasks]) => of(category, tasks));
  const present = categories.flatMap(({ value }) => value ?? []);
  const six: Average = {
    name: "six categories",
    value: present.length === 0 ? null : mean(present),
    lacks: categories.flatMap(({ lacks }) => lacks),
  };
  return [
    ...categories,
    six,
    of("15 data sets", ENGLISH.filter((task) => task !== "passage_count")),
    of("16 data sets", ENGLISH),
  ];
}

/** Buckets of LongBench-E by the words of a record, which predictions have as the detail `words`. */
export const BUCKETS = ["0-4k", "4-8k", "8k+"] as const;

/** One scored answer of LongBench-E. */
export interface EvenScore {
  /** `hotpotqa_e` */
  readonly task: string;
  readonly words: number;
  readonly score: number;
}

/** The mean of each bucket: of its tasks' means, so that a task with many records of a length weighs as much as others. */
export function bucketAverages(scores: readonly EvenScore[]): Average[] {
  const tasks = EVEN.map((name) => `${name}_e`);
  return BUCKETS.map((name): Average => {
    const own = Map.groupBy(scores.filter(({ words }) => bucketOf(words) === name), ({ task }) => task);
    const means = [...own.values()].map((list) => mean(list.map(({ score }) => score)));
    return { name, value: means.length === 0 ? null : mean(means), lacks: tasks.filter((task) => !own.has(task)) };
  });
}

function bucketOf(words: number): typeof BUCKETS[number] {
  return words < 4000 ? "0-4k" : words < 8000 ? "4-8k" : "8k+";
}
