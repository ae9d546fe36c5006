/** Runs what is left of a study, unit after unit, and writes down every sample as it is done. */
import { DeadEnd, RunError, UsageError } from "../error.ts";
import type { ProgressListener } from "../native/progress.ts";
import type { Cell } from "./grid/cell.ts";
import type { PlannedUnit, StudyModel } from "./grid/expand.ts";
import type { Journal } from "./folder/journal.ts";
import { type Left, type LeftUnit, unfinished } from "./folder/left.ts";
import type { Prediction } from "./folder/prediction.ts";
import type { SampleResult, Unit } from "./run/unit.ts";

/** Something that runs the units of one model: an engine of this process, or a server. */
export interface UnitRunner extends Disposable {
  /** Units that may run at the same time. @default 1 */
  readonly jobs?: number;
  /** Results of the samples that are not done, in any order. */
  run(
    unit: LeftUnit,
    options: { readonly signal: AbortSignal; readonly onProgress: ProgressListener },
  ): AsyncIterable<SampleResult>;
}

export interface StudyRun {
  readonly cells: readonly Cell[];
  readonly units: readonly PlannedUnit[];
  /** Of a shard: only its groups are run. */
  readonly journal: Journal;
  /** One model is there at a time. */
  readonly openRunner: (model: StudyModel) => Promise<UnitRunner>;
  /** Once aborted, the sample in work is finished and no other begun. */
  readonly stop: AbortSignal;
  /** End at the first failure instead of going on with other samples. @default false */
  readonly failFast?: boolean;
  readonly onAnswer?: (cell: Cell, prediction: Prediction) => void;
  /** Counts samples, each as many times as it has tokens, as far as that is known. */
  readonly onProgress?: ProgressListener;
}

export interface StudyOutcome {
  /** Samples that were run. */
  readonly samples: number;
  /** Answers that there are none of, and why the first of them failed. */
  readonly failures: number;
  readonly firstFailure: string | null;
  /** Something is left to do, because the study was asked to stop. */
  readonly stopped: boolean;
}

/**
 * Run the samples that are not finished, of this journal's shard.
 *
 * @throws {RunError} when the study cannot go on: a model that cannot be loaded, a full disk.
 */
export async function runStudy(run: StudyRun): Promise<StudyOutcome> {
  const left = unfinished(run);
  const state = new State(run, left);
  for (const model of new Set(left.map(({ unit }) => unit.model))) {
    const own = left.filter(({ unit }) => unit.model === model);
    if (state.isOver) break;
    using runner = await run.openRunner(model);
    await eachOf(own, runner.jobs ?? 1, async ({ unit, weight }) => {
      if (state.isOver) return;
      if (await runUnit(state, runner, unit, weight)) state.finished(weight);
    });
  }
  return state.outcome();
}

/** Several items at a time. After a failure no other is begun, and it is thrown when those in work have ended. */
async function eachOf<T>(items: readonly T[], jobs: number, body: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    try {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await body(item);
    } catch (error) {
      left.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(jobs, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

class State {
  readonly #total: number;
  readonly #cells: ReadonlyMap<string, Cell>;
  #done = 0;
  #samples = 0;
  #failures = 0;
  #firstFailure: string | null = null;
  #left: number;
  /** Ends when everything is written down: units may run side by side, but files are written one at a time. */
  #writing: Promise<void> = Promise.resolve();

  constructor(readonly run: StudyRun, left: readonly Left[]) {
    this.#total = left.reduce((sum, { weight }) => sum + weight, 0);
    this.#left = left.length;
    this.#cells = new Map(run.cells.map((cell) => [cell.id, cell]));
  }

  get isOver(): boolean {
    return this.run.stop.aborted || (this.run.failFast === true && this.#failures > 0);
  }

  /** @param share  Of the unit in work, 0 to 1. */
  progress(weight: number, share: number): void {
    this.run.onProgress?.(this.#done + weight * share, this.#total);
  }

  async sample(result: SampleResult): Promise<void> {
    await (this.#writing = this.#writing.then(() => this.run.journal.add(result)));
    this.#samples++;
    for (const { cell, prediction } of result.answers) {
      if (prediction.error !== undefined) this.#fail(prediction.error);
      this.run.onAnswer?.(this.#cells.get(cell)!, prediction);
    }
  }

  async failure(unit: Unit, done: ReadonlySet<string>, error: Error): Promise<void> {
    const samples = unit.group.keys.filter((key) => !done.has(key));
    const cells = unit.arms.map(({ cell }) => cell);
    await this.run.journal.addFailure({ cells, samples, error: error.message, at: new Date().toISOString() });
    this.#fail(error.message, cells.length * samples.length);
  }

  #fail(message: string, count = 1): void {
    this.#failures += count;
    this.#firstFailure ??= message;
  }

  finished(weight: number): void {
    this.#done += weight;
    this.#left--;
    this.progress(0, 0);
  }

  outcome(): StudyOutcome {
    return {
      samples: this.#samples,
      failures: this.#failures,
      firstFailure: this.#firstFailure,
      stopped: this.run.stop.aborted && this.#left > 0,
    };
  }
}

/** @returns False when it was stopped before its end. */
async function runUnit(state: State, runner: UnitRunner, unit: LeftUnit, weight: number): Promise<boolean> {
  const onProgress = (done: number, total: number) => state.progress(weight, total > 0 ? done / total : 0);
  const done = new Set(unit.done);
  const results = runner.run(unit, { signal: NEVER, onProgress })[Symbol.asyncIterator]();
  try {
    while (done.size < unit.group.keys.length) {
      if (state.isOver) return false;
      let next: IteratorResult<SampleResult>;
      try {
        next = await results.next();
      } catch (error) {
        if (error instanceof DeadEnd || !(error instanceof RunError || error instanceof UsageError)) throw error;
        return await failed(state, runner, { ...unit, done }, error, weight);
      }
      if (next.done) return true;
      await state.sample(next.value);
      done.add(next.value.sample);
    }
    return true;
  } finally {
    await results.return?.(); // what it still holds is freed, also when nothing can be written any more
  }
}

/** A sample in work is never given up: a second signal ends the process. */
const NEVER = new AbortController().signal;

/** Numbers that only one arm cannot use fail for that arm alone; anything else for all arms on what is left of the unit. */
async function failed(
  state: State,
  runner: UnitRunner,
  unit: LeftUnit,
  error: RunError | UsageError,
  weight: number,
): Promise<boolean> {
  if (error instanceof RunError || unit.arms.length === 1) {
    await state.failure(unit, unit.done, error);
    return true;
  }
  const half = Math.ceil(unit.arms.length / 2);
  const halves = [unit.arms.slice(0, half), unit.arms.slice(half)];
  for (const arms of halves) {
    if (!await runUnit(state, runner, { ...unit, arms }, weight / 2)) return false;
  }
  return true;
}
