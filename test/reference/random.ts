/** Numbers that look random and are the same everywhere: test data from a seed. */

import type { Row } from "./ops.ts";

/** Uniform in [0, 1): a mulberry32 generator. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `n` rows of `length` values with mean 0 and variance 1, rounded to f32 so that a backend can hold them exactly. */
export function randomRows(n: number, length: number, seed: number): Row[] {
  const next = random(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return Array.from({ length: n }, () => Float64Array.from({ length }, () => Math.fround(normal())));
}
