/**
 * Run a group of samples with all arms.
 *
 * A sample's prompt is prefilled once; its arms are forks that answer together. Beginnings that samples share (a haystack up to
 * its needle, a context with several questions) are prefilled once for all of them. A sample's numbers are the same whichever
 * others are done, and whatever other arms there are.
 */
import type { Engine } from "../../engine/engine.ts";
import { TokenCount } from "../../engine/token_count.ts";
import type { ProgressListener } from "../../native/progress.ts";
import { prefills, prefillTokens } from "./prefills.ts";
import { type ArmRecord, recordsOf } from "./record.ts";
import { runFidelity } from "./run_fidelity.ts";
import { armTokens, runJob } from "./run_job.ts";
import { planUnit, type Thread, type UnitPlan } from "./thread.ts";
import type { SampleResult, Unit } from "./unit.ts";

export interface UnitOptions {
  /** Stops between two decode steps or inside of a prefill; the sample in work is then lost. */
  readonly signal: AbortSignal;
  /** Counts tokens that went through the model. */
  readonly onProgress?: ProgressListener;
}

/**
 * @returns Results of the samples that are not done, each as soon as it is complete.
 * @throws {RunError} for a prompt that does not fit the model, {UsageError} for a recipe that cannot be planned; both before
 *                    anything is run. An arm or sample that memory is too small for gets predictions that say so.
 */
export async function* runUnit(
  engine: Engine,
  unit: Unit,
  { signal, onProgress = () => {} }: UnitOptions,
): AsyncGenerator<SampleResult> {
  if (unit.task.measures === "fidelity") return yield* runFidelity(engine, unit, { signal, onProgress });
  const plan = planUnit(engine, unit, await unit.group.make());
  const waiting = (thread: number) => !unit.done.has(plan.samples[plan.threads[thread]!.sample]!.key);
  const count = new TokenCount(totalTokens(plan, waiting), onProgress);
  const samples = new SampleResults(plan);
  let startedAt = beginPeriod(engine);
  for await (const start of prefills(engine, plan, { session: unit.session, signal, count, waiting })) {
    const thread = plan.threads[start.thread]!, sample = plan.samples[thread.sample]!;
    const { job, base } = start;
    const results = typeof base === "string"
      ? job.arms.map(() => base)
      : await runJob({ engine, unit, thread, sample, job, signal, count }, base);
    const record = { engine, unit, sample, thread, start, startedAt };
    job.arms.forEach(({ index }, i) => samples.add(thread, index, recordsOf(record, index, results[i]!)));
    const complete = samples.take(thread.sample);
    if (complete !== null) yield complete;
    startedAt = beginPeriod(engine);
  }
}

function totalTokens(plan: UnitPlan, waiting: (thread: number) => boolean): number {
  const arms = plan.threads.filter((_, i) => waiting(i)).flatMap((thread) =>
    thread.jobs.map((job) => job.arms.length * armTokens(thread, job))
  );
  return arms.reduce((a, b) => a + b, prefillTokens(plan, waiting));
}

/** Peaks of memory are those since here. @returns The time. */
function beginPeriod({ model }: Engine): string {
  model.resetPeak();
  return new Date().toISOString();
}

/** Answers of samples whose jobs are not all run. */
class SampleResults {
  /** Of every sample: by arm, and in order of the turns. */
  readonly #answers: (readonly ArmRecord[])[][];
  readonly #left: number[];

  constructor(readonly plan: UnitPlan) {
    this.#answers = plan.samples.map(() => []);
    this.#left = plan.samples.map((_, sample) =>
      plan.threads.filter((thread) => thread.sample === sample)
        .reduce((sum, { jobs }) => sum + jobs.reduce((sum, { arms }) => sum + arms.length, 0), 0)
    );
  }

  add({ sample }: Thread, arm: number, answers: readonly ArmRecord[]): void {
    const found = this.#answers[sample]!;
    found[arm] = [...found[arm] ?? [], ...answers].toSorted((a, b) => a.prediction.turn - b.prediction.turn);
    this.#left[sample]!--;
  }

  /** A sample with all arms and turns, or null while some are missing. */
  take(sample: number): SampleResult | null {
    if (this.#left[sample]! > 0) return null;
    return { sample: this.plan.samples[sample]!.key, answers: this.#answers[sample]!.flat() };
  }
}
