/** What each shard of a run has to do, and how far it is. */
import type { Run } from "../folder/manifest.ts";
import { keyOf } from "../folder/results.ts";
import { takes } from "../folder/shard.ts";

/** Samples of one shard, as places in the manifest's `expected`. */
export interface ShardWork {
  /** From 1 on. */
  readonly index: number;
  /** For each list of `expected` that it takes part in: which of its samples. */
  readonly samples: readonly { readonly list: number; readonly keys: readonly string[] }[];
}

/** A group of samples and the cells that it belongs to. */
export interface PlacedGroup {
  readonly place: string;
  readonly cells: readonly string[];
  readonly keys: readonly string[];
}

/**
 * @param expected  Of the run's manifest.
 * @param groups    All groups of the run.
 */
export function shardWork(
  expected: Run["manifest"]["expected"],
  groups: readonly PlacedGroup[],
  count: number,
): ShardWork[] {
  const listOf = new Map(expected.flatMap(({ cells }, list) => cells.map((cell) => [cell, list])));
  return Array.from({ length: count }, (_, i) => {
    const samples = new Map<number, Set<string>>();
    for (const { place, cells, keys } of groups) {
      if (!takes({ index: i + 1, count }, place)) continue;
      for (const list of new Set(cells.map((cell) => listOf.get(cell)!))) {
        samples.set(list, (samples.get(list) ?? new Set()).union(new Set(keys)));
      }
    }
    return { index: i + 1, samples: [...samples].map(([list, keys]) => ({ list, keys: [...keys] })) };
  });
}

/** Answers of a shard: a sample of one arm counts once. */
export interface ShardProgress {
  readonly index: number;
  readonly total: number;
  readonly done: number;
  /** Samples that ended in an error. */
  readonly failed: number;
}

/** @param work  As it was when the jobs were made. */
export function shardProgress({ manifest, cells }: Run, work: readonly ShardWork[]): ShardProgress[] {
  const answered = new Map(cells.map(({ id, predictions, timings }) => {
    const failed = new Set(predictions.filter(({ error }) => error !== undefined).map(({ sample }) => sample));
    // Times are written last: an answer without them was cut off before the next arm's.
    const timed = new Set(timings.map(keyOf));
    const torn = new Set(predictions.filter((one) => !timed.has(keyOf(one))).map(({ sample }) => sample));
    const whole = new Set(predictions.map(({ sample }) => sample)).difference(torn).difference(failed);
    return [id, { failed, whole }];
  }));
  return work.map(({ index, samples }) => {
    let total = 0, done = 0, failed = 0;
    for (const { list, keys } of samples) {
      for (const cell of manifest.expected[list]?.cells ?? []) {
        const found = answered.get(cell);
        total += keys.length;
        failed += keys.filter((key) => found?.failed.has(key)).length;
        done += keys.filter((key) => found?.whole.has(key)).length;
      }
    }
    return { index, total, done, failed };
  });
}

/** `1-3,7`: numbers as sbatch takes and squeue gives them. */
export function formatTasks(numbers: readonly number[]): string {
  const sorted = [...numbers].toSorted((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}
