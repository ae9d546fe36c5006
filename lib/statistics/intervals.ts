/** How sure a share or a mean is. */
import { mean } from "../statistics.ts";

/** From `low` to `high`. */
export type Interval = readonly [low: number, high: number];

/** Standard errors that a mean of `n` values must be away from 0 to differ from it at 5 %: Student's t, two-sided. */
export function criticalErrors(n: number): number {
  const freedom = n - 1;
  return STUDENT[freedom - 1] ?? 1.96 + 2.372 / freedom + 2.823 / freedom ** 2;
}

/** For 1 to 10 degrees of freedom; beyond, the first terms of its expansion about the normal distribution will do. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Wilson's 95 % interval of a share: `hits` of `n`. */
export function wilson(hits: number, n: number): [number, number] {
  const z = 1.96, share = hits / n;
  const center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return [Math.max(0, center - half), Math.min(1, center + half)]; // rounding aside it never leaves them
}

/**
 * Wilson's interval of a share whose values come in clusters, at the number of independent values that would be as sure: `n`
 * over the design effect (Kish 1965; Dean and Pagano 2015). Clusters of one value each give Wilson's own.
 *
 * @param clusters  Zeros and ones that were measured on one context each; none of them empty.
 */
export function clusteredWilson(clusters: readonly (readonly number[])[]): [number, number] {
  const values = clusters.flat(), share = mean(values), n = values.length;
  const independent = n / Math.max(1, designEffect(clusters, share, n));
  return wilson(share * independent, independent);
}

/**
 * Interval of a mean difference of shares where all of `n` contexts differ by the same: as wide as the share of contexts that could
 * still be otherwise makes it, whatever they are then, from -1 to 1.
 */
export function unanimous(value: number, n: number): [number, number] {
  const [, others] = wilson(0, n);
  return [value - others * (value + 1), value + others * (1 - value)];
}

/** How many times larger the variance of the mean is than that of as many independent values. */
function designEffect(clusters: readonly (readonly number[])[], share: number, n: number): number {
  const k = clusters.length;
  if (k === n || k < 2 || share === 0 || share === 1) return 1;
  const residuals = clusters.map((own) => own.reduce((sum, value) => sum + value - share, 0));
  const variance = k / (k - 1) * residuals.reduce((sum, residual) => sum + residual ** 2, 0) / n ** 2;
  return variance / (share * (1 - share) / n);
}
