/** Tests of differences that were measured in pairs: two arms on the same samples. */
import type { Cluster } from "./bootstrap.ts";
import { randomWords } from "./random.ts";

/**
 * McNemar's exact test, two-sided: how likely is it that of `better + worse` samples that only one of two arms got right, the
 * split is at least this uneven, when both are as good?
 */
export function mcNemar(better: number, worse: number): number {
  const n = better + worse, fewer = Math.min(better, worse);
  let term = -n * Math.LN2, tail = 0; // ln of (n over i) / 2^n
  for (let i = 0; i <= fewer; i++) {
    tail += Math.exp(term);
    term += Math.log((n - i) / (i + 1));
  }
  return Math.min(1, 2 * tail);
}

/**
 * Sign-flip test, two-sided: how likely is a mean difference this far from 0, when each cluster's could as well have had the
 * other sign? Exact up to 12 clusters that differ, otherwise by 10,000 draws.
 *
 * @param strata  [tasks][contexts][differences]: the mean over tasks of each one's mean is tested.
 * @param label   The same label draws the same signs.
 */
export function signFlip(strata: readonly (readonly Cluster[])[], label: string): number {
  const parts = Float64Array.from(strata.flatMap(contributions));
  const observed = Math.abs(parts.reduce((sum, part) => sum + part, 0)) - TINY;
  const far = (flips: (i: number) => boolean): boolean => {
    let sum = 0;
    for (let i = 0; i < parts.length; i++) sum += flips(i) ? -parts[i]! : parts[i]!;
    return Math.abs(sum) >= observed;
  };
  let count = 0;
  if (parts.length <= MOST_EXACT) {
    const all = 2 ** parts.length;
    for (let signs = 0; signs < all; signs++) if (far((i) => (signs >>> i & 1) === 1)) count++;
    return count / all;
  }
  const next = randomWords(`sign flip/${label}`);
  let word = 0;
  const flips = (i: number) => ((i & 31) === 0 ? word = next() : word) >>> (i & 31) & 1;
  for (let draw = 0; draw < DRAWS; draw++) if (far((i) => flips(i) === 1)) count++;
  return (1 + count) / (1 + DRAWS);
}

/** What each cluster that differs adds to the mean of a stratum. */
function contributions(clusters: readonly Cluster[]): number[] {
  const n = clusters.reduce((sum, own) => sum + own.length, 0);
  return clusters.map((own) => own.reduce((sum, value) => sum + value, 0) / n).filter((part) => part !== 0);
}

const MOST_EXACT = 12, DRAWS = 10_000;
/** Sums that are equal but for rounding are as far. */
const TINY = 1e-12;
