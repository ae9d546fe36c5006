/** The scoring ops of the CPU backend, called one by one on random caches. */
import type { Plan } from "../../lib/methods/plan.ts";
import { packPlans } from "../../lib/native/plan.ts";
import { range, type Row } from "../reference/ops.ts";
import { type DType, DTYPES } from "../../lib/model/types.ts";
import { floats, type Machine, machine, ON_KEYS, ON_ROWS, rowsOf, type TestCache, WRAPPERS } from "./test_cache.ts";

const lib = Deno.dlopen(WRAPPERS, {
  rkvt_vote_sums: {
    parameters: [
      ...ON_KEYS,
      "buffer", // q
      "i32", //    window
      "i32", //    sliding_window
      "i32", //    n_scored
      "i32", //    sum
      "i32", //    add
      "buffer", // score
      "buffer", // diagonals
    ],
    result: "void",
  },
  rkvt_score_keys: {
    parameters: [
      ...ON_ROWS,
      "buffer", // plan
      "i32", //    layer
      "i32", //    first_head
      "i32", //    n_scored
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_weigh_by_value: {
    parameters: [
      ...ON_ROWS,
      "i32", //    n_scored
      "f32", //    epsilon
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_observe_queries: {
    parameters: ["i32", "i32", "buffer", "i32", "i32", "i32", "buffer"],
    result: "void",
  },
  rkvt_expected_score: {
    parameters: [
      ...ON_KEYS,
      "buffer", // mean
      "buffer", // covariance
      "i32", //    n_scored
      "i32", //    first
      "i32", //    max
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_output_norms: {
    parameters: [
      ...ON_ROWS,
      "i32", //    dtype
      "i32", //    dim
      "buffer", // wo
      "i32", //    n_scored
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_block_scores: {
    parameters: [
      ...ON_KEYS,
      "buffer", // q
      "i32", //    n
      "i32", //    first_slot
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_sum_values: {
    parameters: [
      ...ON_ROWS,
      "buffer", // index
      "buffer", // sum
    ],
    result: "void",
  },
}).symbols;

export const VOTE_SUMS = ["group", "max", "head"] as const;

export interface VoteSumOptions {
  readonly sum: typeof VOTE_SUMS[number];
  /** @default all slots */
  readonly scored?: number;
  /** @default {0} */
  readonly slidingWindow?: number;
  /** Scores that votes are added to, [heads][rows] as in the result. */
  readonly before?: Row[][];
  readonly diagonals?: boolean;
}

export interface VoteSums {
  /** [heads][1, or the group with `head`][scored] */
  readonly score: Row[][];
  /** [heads][group][n], empty unless asked for. */
  readonly diagonals: Row[][];
}

/** @param q [heads][window][group] */
export function voteSums(cache: TestCache, q: Row[][][], options: VoteSumOptions, on: Machine = {}): VoteSums {
  const { sum, scored = cache.n, slidingWindow = 0, before, diagonals = false } = options;
  const lists = sum === "head" ? cache.group : 1;
  const score = before ? floats(before.flat()) : new Float32Array(cache.heads * lists * scored).fill(NaN);
  const distances = diagonals ? new Float32Array(cache.heads * cache.group * cache.n) : null;
  lib.rkvt_vote_sums(
    ...cache.keys(on),
    floats(q.flat(2)),
    q[0]!.length,
    slidingWindow,
    scored,
    VOTE_SUMS.indexOf(sum),
    before ? 1 : 0,
    score,
    distances,
  );
  return {
    score: grouped(rowsOf(score, scored), lists),
    diagonals: distances ? grouped(rowsOf(distances, cache.n), cache.group) : [],
  };
}

function grouped(rows: Row[], size: number): Row[][] {
  return range(0, rows.length / size).map((i) => rows.slice(i * size, (i + 1) * size));
}

/** Scores of KV heads `firstHead` and on, of layer `layer`: [heads][scored]. */
export function scoreKeys(
  cache: TestCache,
  plan: Plan,
  { scored = cache.n, layer = 0, firstHead = 0 }: { scored?: number; layer?: number; firstHead?: number } = {},
  on: Machine = {},
): Row[] {
  const score = new Float32Array(cache.heads * scored);
  const packed = packPlans([plan]);
  lib.rkvt_score_keys(...cache.rows(on), packed, layer, firstHead, scored, score);
  return rowsOf(score, scored);
}

/** @param score [heads][scored] @returns the same shape */
export function weighByValue(cache: TestCache, score: Row[], epsilon: number, on: Machine = {}): Row[] {
  const scored = score[0]!.length, flat = floats(score);
  lib.rkvt_weigh_by_value(...cache.rows(on), scored, epsilon, flat);
  return rowsOf(flat, scored);
}

/** Sums of V over the candidates, [heads]. */
export function sumValues(cache: TestCache, on: Machine = {}): Row[] {
  const { index } = cache.parts();
  const sum = new Float32Array(cache.heads * cache.d);
  lib.rkvt_sum_values(...cache.rows(on), index, sum);
  return rowsOf(sum, cache.d);
}

/** Sums [heads] of queries q [tokens][heads] and of their outer products, added to `before`. */
export function observeQueries(q: Row[][], before: readonly Row[] | null = null, on: Machine = {}): Row[] {
  const heads = q[0]!.length, d = q[0]![0]!.length;
  const sums = new Float64Array(heads * (d + d * d));
  before?.forEach((row, head) => sums.set(row, head * row.length));
  lib.rkvt_observe_queries(...machine(on), floats(q.flat()), q.length, heads, d, sums);
  return rowsOf(sums, d + d * d);
}

export interface ExpectedOptions {
  readonly first: number;
  readonly max?: boolean;
  /** @default all slots */
  readonly scored?: number;
}

/** @param mean [heads][group] @param covariance [heads][group] of d * d, or null. @returns [heads][scored] */
export function expectedScores(
  cache: TestCache,
  mean: Row[][],
  covariance: Row[][] | null,
  { first, max = false, scored = cache.n }: ExpectedOptions,
  on: Machine = {},
): Row[] {
  const score = new Float32Array(cache.heads * scored);
  const means = floats(mean.flat()), covariances = covariance === null ? null : floats(covariance.flat());
  const flags = [scored, first, max ? 1 : 0] as const;
  lib.rkvt_expected_score(...cache.keys(on), means, covariances, ...flags, score);
  return rowsOf(score, scored);
}

/** @param wo Output projection [dim, heads * group * d] in its file's bytes. @returns [heads][scored] */
export function outputNormsOf(
  cache: TestCache,
  wo: { readonly dtype: DType; readonly dim: number; readonly bytes: Uint8Array<ArrayBuffer> },
  scored = cache.n,
  on: Machine = {},
): Row[] {
  const score = new Float32Array(cache.heads * scored);
  const dtype = DTYPES.indexOf(wo.dtype);
  lib.rkvt_output_norms(...cache.rows(on), dtype, wo.dim, wo.bytes, scored, score);
  return rowsOf(score, scored);
}

/** @param q [tokens][heads * group] of the slots from `firstSlot` on. @returns [heads * group][row blocks][key blocks] */
export function blockScoresOf(cache: TestCache, q: Row[][], firstSlot: number, on: Machine = {}): Row[][] {
  const rowBlocks = Math.ceil(q.length / 64), keyBlocks = Math.ceil((firstSlot + q.length) / 64);
  const score = new Float32Array(cache.heads * cache.group * rowBlocks * keyBlocks);
  lib.rkvt_block_scores(...cache.keys(on), floats(q.flat()), q.length, firstSlot, score);
  return grouped(rowsOf(score, keyBlocks), rowBlocks);
}
