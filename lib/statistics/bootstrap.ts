/** Percentile bootstrap (Efron 1979) of means whose values come in clusters. */
import { quantile } from "../statistics.ts";
import type { Interval } from "./intervals.ts";
import { randomWords } from "./random.ts";

/** Values that were measured on one context: they are drawn together. Not empty. */
export type Cluster = readonly number[];

const RESAMPLES = 10_000;

/**
 * Means of samples drawn with replacement from the clusters, as many as there are.
 *
 * @param clusters  At least one.
 * @param label     The same label draws the same clusters.
 * @returns         f64 [10,000]
 */
export function resampledMeans(clusters: readonly Cluster[], label: string): Float64Array {
  const sums = Float64Array.from(clusters, (own) => own.reduce((sum, value) => sum + value, 0));
  const counts = Int32Array.from(clusters, (own) => own.length);
  const next = randomWords(`bootstrap/${label}`), n = clusters.length;
  return Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0, count = 0;
    for (let i = 0; i < n; i++) {
      const drawn = Math.floor(next() / 2 ** 32 * n);
      sum += sums[drawn]!;
      count += counts[drawn]!;
    }
    return sum / count;
  });
}

/** Resampled means of strata become those of their plain mean: strata are drawn apart. All of one length; at least one. */
export function averageResamples(strata: readonly Float64Array[]): Float64Array {
  return strata[0]!.map((_, i) => strata.reduce((sum, own) => sum + own[i]!, 0) / strata.length);
}

/** The middle 95 % of resampled means. */
export function percentileInterval(means: Float64Array): Interval {
  const sorted = [...means.toSorted()];
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}
