/** What every program under test reports, and how runs of several rounds become one number. */
import { median } from "../../lib/statistics.ts";

/** One line of `rocketkv bench --json`, and of the peers' runners. */
export interface Measurement {
  readonly kind: "prefill" | "decode";
  /** Tokens in the cache when the measurement starts (decode), or prompt tokens (prefill). */
  readonly context: number;
  readonly method: string;
  readonly budget: number | null;
  readonly threads: number;
  readonly tokens_per_second: number;
}

export interface Sample extends Measurement {
  readonly program: string;
  readonly round: number;
}

/** What is compared: the same work, except for the method that rocketkv decodes with. */
export interface Row {
  readonly kind: Measurement["kind"];
  readonly context: number;
  readonly method: string;
  readonly budget: number | null;
}

/** Medians by thread count. */
export type Speeds = ReadonlyMap<number, number>;

/** Median over the rounds for every thread count, in tokens a second. */
export function speeds(samples: readonly Sample[], program: string, row: Row): Speeds {
  const wanted = samples.filter((sample) =>
    sample.program === program && sample.kind === row.kind && sample.context === row.context &&
    sample.method === row.method && sample.budget === row.budget
  );
  const byThreads = Map.groupBy(wanted, (sample) => sample.threads);
  return new Map([...byThreads].map(([threads, list]) => [threads, median(list.map((s) => s.tokens_per_second))]));
}

/** The better of the thread counts. */
export function best(speeds: Speeds): number {
  return Math.max(...speeds.values());
}
