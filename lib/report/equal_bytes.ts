/**
 * Arms at equal measured bytes: what a decode step reads decides, not what was asked for. A method's curve over its budgets is
 * read off at another's point, sample by sample, so that differences are paired.
 */

/** Where a place on a curve is. */
export interface Place<P> {
  /** The points around it; the same one twice on a point and outside of all. */
  readonly low: P;
  readonly high: P;
  /** How far it is from `low` to `high`, from 0 to 1, by the logarithms of what they read. */
  readonly share: number;
  /** What is read there: what was looked for, or the nearest that was measured. */
  readonly read: number;
  readonly nearest: boolean;
}

/** @param curve  Points of one method, in any order, at least one; `read` is above 0, in any unit. */
export function placeOn<P extends { readonly read: number }>(curve: readonly P[], read: number): Place<P> {
  const sorted = curve.toSorted((a, b) => a.read - b.read);
  const after = sorted.findIndex((point) => point.read >= read);
  const high = sorted.at(after)!; // the last one when there is none behind
  if (after <= 0 || high.read === read) {
    return { low: high, high, share: 0, read: high.read, nearest: high.read !== read };
  }
  const low = sorted[after - 1]!;
  return { low, high, share: Math.log(read / low.read) / Math.log(high.read / low.read), read, nearest: false };
}

/** Between two values. */
export function between(low: number, high: number, share: number): number {
  return low + share * (high - low);
}
