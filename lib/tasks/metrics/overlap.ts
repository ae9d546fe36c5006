/** F1 of two bags of words, and the best of several references: shared by LongBench and SCBench. */

/** 0 when nothing is shared. */
export function bagF1<T>(found: readonly T[], wanted: readonly T[]): number {
  const left = new Map<T, number>();
  for (const one of wanted) left.set(one, (left.get(one) ?? 0) + 1);
  let same = 0;
  for (const one of found) {
    const count = left.get(one) ?? 0;
    if (count === 0) continue;
    left.set(one, count - 1);
    same++;
  }
  if (same === 0) return 0;
  const precision = same / found.length, recall = same / wanted.length;
  return 2 * precision * recall / (precision + recall);
}

/** The highest score against any reference; 0 without one. */
export function bestOf(references: readonly string[], score: (reference: string) => number): number {
  return Math.max(0, ...references.map(score));
}
