/** How far a run is, from its folder alone. */
import type { Cell, CellConfig } from "../grid/cell.ts";
import { cellFolder, expectedSamples, type Failure, readFailures } from "./folder.ts";
import { type RunningShard, runningShards } from "./lock.ts";
import type { Manifest } from "./manifest.ts";
import { finishedSamples, readEntries } from "./results.ts";

export interface CellStatus {
  readonly cell: string;
  readonly config: CellConfig;
  /** Samples. Failed ones have an error and no answer; missing ones have neither. */
  readonly expected: number;
  readonly done: number;
  readonly failed: number;
  readonly missing: number;
}

export interface RunStatus {
  readonly cells: readonly CellStatus[];
  readonly expected: number;
  readonly done: number;
  readonly failed: number;
  readonly missing: number;
  /** Shards that processes work on now. */
  readonly running: readonly RunningShard[];
  /** Milliseconds until all is done at the pace of the processes that run now; null while they have answered nothing. */
  readonly etaMs: number | null;
  /** The newest failure that is not made good. */
  readonly lastFailure: string | null;
}

/** @throws {RunError} for a folder that is damaged. */
export async function statusOf(path: string, manifest: Manifest, now: Date = new Date()): Promise<RunStatus> {
  const failures = await readFailures(path), running = await runningShards(path);
  const since = Math.min(...running.map(({ holder }) => holder === null ? Infinity : Date.parse(holder.since)));
  const found: CellFound[] = [];
  for (const cell of manifest.cells) {
    found.push(await statusOfCell(path, cell, expectedSamples(manifest, cell.id), failures, since));
  }
  const sum = (of: (found: CellFound) => number) => found.reduce((sum, one) => sum + of(one), 0);
  const missing = sum(({ status }) => status.missing), lately = sum(({ lately }) => lately);
  return {
    cells: found.map(({ status }) => status),
    expected: sum(({ status }) => status.expected),
    done: sum(({ status }) => status.done),
    failed: sum(({ status }) => status.failed),
    missing,
    running,
    etaMs: lately > 0 ? (now.getTime() - since) / lately * missing : null,
    lastFailure: found.findLast(({ failure }) => failure !== null)?.failure ?? null,
  };
}

interface CellFound {
  readonly status: CellStatus;
  /** Samples that were begun since a time. */
  readonly lately: number;
  readonly failure: string | null;
}

async function statusOfCell(
  path: string,
  { id, config }: Cell,
  expected: readonly string[],
  failures: readonly Failure[],
  since: number,
): Promise<CellFound> {
  const entries = await readEntries(cellFolder(path, id));
  const finished = finishedSamples(entries);
  const own = failures.filter(({ cells }) => cells.includes(id));
  const reasons = new Map(own.flatMap(({ samples, error }) => samples.map((sample) => [sample, error])));
  for (const { value: { sample, error } } of entries.predictions.values()) {
    if (error !== undefined) reasons.set(sample, error);
  }
  const open = expected.filter((sample) => !finished.has(sample));
  const failed = open.filter((sample) => reasons.has(sample));
  const timings = entries.timings.values().map(({ value }) => value);
  const lately = timings.filter(({ startedAt }) => Date.parse(startedAt) >= since).map(({ sample }) => sample);
  return {
    status: {
      cell: id,
      config,
      expected: expected.length,
      done: expected.length - open.length,
      failed: failed.length,
      missing: open.length - failed.length,
    },
    lately: new Set(lately).size,
    failure: failed.length === 0 ? null : reasons.get(failed.at(-1)!)!,
  };
}
