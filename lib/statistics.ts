/** Numbers about numbers. */

export function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Of a mean of independent values; null for one value. */
export function standardError(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const center = mean(values);
  const variance = values.reduce((sum, x) => sum + (x - center) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}

/** Of ascending values, between neighbours in proportion: 0.5 is the median. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q, low = Math.floor(at);
  const high = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return sorted[low]! + (high - sorted[low]!) * (at - low);
}

/** Middle value; the mean of the middle two for an even count. */
export function median(values: readonly number[]): number {
  return quantile(values.toSorted((a, b) => a - b), 0.5);
}
