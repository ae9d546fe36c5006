/** Vector arithmetic in float64, as the textbooks write it: every other file of the reference is built from these. */

/** One row of a matrix: a hidden state, or one head's query, key or value. */
export type Row = Float64Array;

export function dot(a: Row, b: Row): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function add(a: Row, b: Row): Row {
  return a.map((x, i) => x + b[i]!);
}

/** W x for a row-major matrix W [rows, x.length]. */
export function matVec(w: Float64Array, x: Row): Row {
  const rows = w.length / x.length;
  const y = new Float64Array(rows);
  for (let r = 0; r < rows; r++) y[r] = dot(w.subarray(r * x.length, (r + 1) * x.length), x);
  return y;
}

/** x / rms(x) * weight. */
export function rmsNorm(x: Row, weight: Row, eps: number): Row {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((value, i) => value * scale * weight[i]!);
}

export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** Weights that sum to 1; a score of -Infinity becomes 0. */
export function softmax(score: Row): Row {
  const top = score.reduce((a, b) => Math.max(a, b), -Infinity);
  const weight = score.map((x) => Math.exp(x - top));
  const total = weight.reduce((a, b) => a + b, 0);
  return weight.map((x) => x / total);
}

/** Indices by falling score; of equals the lower index comes first. */
export function ranked(score: ArrayLike<number>): number[] {
  return Array.from({ length: score.length }, (_, i) => i).sort((a, b) => score[b]! - score[a]! || a - b);
}

/** The integers from `from` up to, not including, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
