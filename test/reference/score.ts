/**
 * What tokens are worth, in float64: every score that eviction may go by, over the cache of one KV head. Like
 * `attention.ts` this file is the specification; `rkv_score_kind` in `cuda/include/rocketkv.h` names the scores.
 *
 * `k` and `v` are the cached rows in slot order. A score is one number per slot, higher is better.
 */

import { dot, range, type Row, softmax } from "./ops.ts";

/**
 * Softmax weights of the queries of the last `q.length` slots over all slots; what a query cannot see weighs 0.
 *
 * @param q              [window][group] queries after RoPE.
 * @param positions      [n] ascending.
 * @param slidingWindow  Tokens a query may look back, itself included; 0 = all.
 * @returns [window][group][n]
 */
export function weights(q: Row[][], k: Row[], positions: number[], slidingWindow = 0): Row[][] {
  return q.map((heads, i) => {
    const self = k.length - q.length + i;
    const seen = (s: number) => s <= self && (slidingWindow === 0 || positions[self]! - positions[s]! < slidingWindow);
    return heads.map((head) =>
      softmax(Float64Array.from(k, (key, s) => seen(s) ? dot(head, key) / Math.sqrt(head.length) : -Infinity))
    );
  });
}

export interface VoteOptions {
  /** The first slots get a score. @default all of them */
  readonly scored?: number;
  /** @default {0} */
  readonly slidingWindow?: number;
  /** @default 0, 1, 2, ... */
  readonly positions?: number[];
}

/** What every slot received from each query head, summed over the window: [group][scored]. Arguments of {@link weights}. */
export function votes(q: Row[][], k: Row[], options: VoteOptions = {}): Row[] {
  const { scored = k.length, slidingWindow = 0, positions = range(0, k.length) } = options;
  const rows = weights(q, k, positions, slidingWindow);
  return q[0]!.map((_, head) => sum(rows.map((heads) => heads[head]!.slice(0, scored))));
}

/** One score per slot from those of a group's query heads: their sum, or the largest of them. */
export function agree(heads: Row[], how: "sum" | "max"): Row {
  return how === "sum" ? sum(heads) : heads.reduce((a, b) => a.map((x, i) => Math.max(x, b[i]!)));
}

/** Weights of each query head summed by distance, query slot minus key slot: [group][n]. */
export function diagonals(q: Row[][], k: Row[], slidingWindow = 0, positions = range(0, k.length)): Row[] {
  const total = q[0]!.map(() => new Float64Array(k.length));
  weights(q, k, positions, slidingWindow).forEach((heads, i) => {
    const self = k.length - q.length + i;
    heads.forEach((row, head) => range(0, self + 1).forEach((s) => total[head]![self - s]! += row[s]!));
  });
  return total;
}

/** -|k|: of keys the short ones attract attention (L2Norm, arXiv:2406.11430). */
export function keyNorm(k: Row[]): Row {
  return Float64Array.from(k, (key) => -norm(key));
}

/** KeyDiff (arXiv:2504.15364): minus the cosine of a key with the mean of all normalised keys; of a zero row it is 0. */
export function keyDiff(k: Row[]): Row {
  const mean = sum(k.map(unit)).map((x) => x / k.length);
  return Float64Array.from(k, (key) => -dot(unit(key), unit(mean)) || 0);
}

/**
 * LagKV (arXiv:2504.04704): how much a token's K and V differ from what follows. From `sinks` on there are partitions of
 * `lag` tokens; a token's score is its rank in its partition, over `lag`.
 *
 * The sinks and all that has no partition behind it score 1. With fewer than two partitions recent tokens are better.
 */
export function lagScore(k: Row[], v: Row[], sinks: number, lag: number): Row {
  const n = k.length;
  const partitions = Math.floor((n - sinks) / lag);
  if (partitions < 2) return Float64Array.from(k, (_, i) => i / n);
  const score = new Float64Array(n).fill(1);
  for (let p = 0; p + 1 < partitions; p++) {
    const from = sinks + p * lag;
    const part = (rows: Row[], at: number) => rows.slice(at, at + lag);
    const ofK = spread(part(k, from), part(k, from + lag));
    const ofV = spread(part(v, from), part(v, from + lag));
    const both = ofK.map((x, i) => (x + ofV[i]!) / 2);
    // Of equals the earlier one is the better one, as everywhere.
    both.forEach((x, i) => {
      const worse = range(0, lag).filter((j) => both[j]! < x || (both[j] === x && j > i));
      score[from + i] = worse.length / lag;
    });
  }
  return score;
}

/** Softmax over `rows` of the standard deviation over dims, each dim taken relative to its range in `next`. */
function spread(rows: Row[], next: Row[]): Row {
  const low = next.reduce((a, b) => a.map((x, dim) => Math.min(x, b[dim]!)));
  const high = next.reduce((a, b) => a.map((x, dim) => Math.max(x, b[dim]!)));
  return softmax(Float64Array.from(rows, (row) => {
    // A dim that does not change in the next partition says nothing.
    const relative = row.map((x, dim) => high[dim] === low[dim] ? 0 : (x - low[dim]!) / (high[dim]! - low[dim]!));
    const mean = relative.reduce((a, b) => a + b, 0) / row.length;
    return Math.sqrt(relative.reduce((total, x) => total + (x - mean) ** 2, 0) / (row.length - 1));
  }));
}

/** Numbers in [0, 1) that depend on nothing else: 24 bits of a hash, exact in f32. `core/random_score.h` has the same. */
export function randomScore(seed: number, layer: number, head: number, positions: number[]): Row {
  return Float64Array.from(positions, (position) => {
    const hash = [layer, head, position].reduce((state, x) => mix(state ^ x), mix(seed));
    return (hash >>> 8) / 2 ** 24;
  });
}

/** One round, MurmurHash3's last steps: every bit of the result depends on every bit of x, and 0 does not stay 0. */
function mix(x: number): number {
  let h = (x + 0x9e3779b9) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}

/** Mean [d] and covariance [d, d] of one query head's queries, divided by their number. */
export function queryMoments(q: Row[]): { mean: Row; covariance: Float64Array } {
  const d = q[0]!.length;
  const mean = sum(q).map((x) => x / q.length);
  const covariance = new Float64Array(d * d);
  for (const row of q) {
    const off = row.map((x, i) => x - mean[i]!);
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) covariance[i * d + j]! += off[i]! * off[j]! / q.length;
  }
  return { mean, covariance };
}

/**
 * ExpectedAttention (arXiv:2510.00636): the softmax weights that normally distributed queries give on average, over the
 * slots from `first` on; earlier ones score 0.
 *
 * @param mean        [group][d] mean queries at the positions to come, rotation included.
 * @param covariance  [group][d * d] likewise, or null.
 * @param how         Mean or largest over the group.
 */
export function expectedScore(
  mean: Row[],
  covariance: Float64Array[] | null,
  k: Row[],
  first: number,
  how: "mean" | "max" = "mean",
): Row {
  const heads = mean.map((mu, head) => {
    const d = mu.length;
    const z = k.map((key, slot) => {
      if (slot < first) return -Infinity;
      const linear = dot(mu, key) / Math.sqrt(d);
      if (covariance === null) return linear;
      const c = covariance[head]!;
      const image = key.map((_, i) => dot(c.subarray(i * d, (i + 1) * d), key));
      return linear + dot(key, image) / (2 * d);
    });
    return softmax(Float64Array.from(z));
  });
  return how === "max" ? agree(heads, "max") : sum(heads).map((x) => x / heads.length);
}

/** (score + epsilon) * |v|: what a weight carries. */
export function valueWeight(score: Row, v: Row[], epsilon: number): Row {
  return score.map((x, i) => (x + epsilon) * norm(v[i]!));
}

/**
 * CriticalKV (arXiv:2502.03805): what a token can change at most, |W_o v|_1, averaged over the group.
 *
 * @param wo  [group] the output projection's columns of each query head, row-major [dim, d].
 */
export function outputNorms(v: Row[], wo: Float64Array[]): Row {
  return Float64Array.from(v, (row) => {
    const d = row.length;
    const norms = wo.map((w) =>
      range(0, w.length / d).reduce((total, i) => total + Math.abs(dot(w.subarray(i * d, (i + 1) * d), row)), 0)
    );
    return norms.reduce((a, b) => a + b, 0) / wo.length;
  });
}

/**
 * Products of mean queries and mean keys over blocks of 64 tokens, as sparse prefill ranks them (MInference,
 * arXiv:2407.02490): [row blocks][key blocks], -Infinity for keys that come later.
 *
 * @param q          [rows] one query head's queries of the slots from `firstSlot` on, a multiple of 64.
 */
export function blockScores(q: Row[], k: Row[], firstSlot: number): Row[] {
  const means = (rows: Row[]) =>
    range(0, Math.ceil(rows.length / 64)).map((b) => {
      const block = rows.slice(b * 64, (b + 1) * 64);
      return sum(block).map((x) => x / block.length);
    });
  const keys = means(k.slice(0, firstSlot + q.length));
  return means(q).map((query, row) =>
    Float64Array.from(keys, (key, block) => block <= firstSlot / 64 + row ? dot(query, key) : -Infinity)
  );
}

function norm(x: Row): number {
  return Math.sqrt(dot(x, x));
}

/** x / |x|; a row of zeros stays as it is. */
function unit(x: Row): Row {
  const length = norm(x);
  return length > 0 ? x.map((value) => value / length) : x;
}

/** Element-wise. */
function sum(rows: Row[]): Row {
  return rows.reduce((a, b) => a.map((x, i) => x + b[i]!));
}
