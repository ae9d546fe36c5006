/** The attention ops of the CPU backend, called one by one on random caches. */
import type { Plan } from "../../lib/methods/plan.ts";
import { packPlans } from "../../lib/native/plan.ts";
import { range, type Row } from "../reference/ops.ts";
import { floats, type Machine, ON_ROWS, rowsOf, type TestCache, WRAPPERS } from "./test_cache.ts";

const lib = Deno.dlopen(WRAPPERS, {
  rkvt_attend_prefill: {
    parameters: [
      ...ON_ROWS,
      "buffer", // q
      "i32", //    n
      "i32", //    sliding_window
      "buffer", // out
    ],
    result: "void",
  },
  rkvt_attend_listed: {
    parameters: [
      ...ON_ROWS,
      "buffer", // q
      "i32", //    n
      "buffer", // items
      "i32", //    n_items
      "buffer", // lists
      "buffer", // out
    ],
    result: "void",
  },
  rkvt_decode: {
    parameters: [
      ...ON_ROWS,
      "buffer", // index
      "buffer", // q
      "buffer", // q_sinks
      "i32", //    n_sinks
      "buffer", // value_sum
      "buffer", // plan
      "i32", //    first
      "buffer", // selected
      "buffer", // n_selected
      "buffer", // counters
      "buffer", // mass
      "buffer", // out
    ],
    result: "void",
  },
}).symbols;

/** @param q [tokens][heads * group] of the last slots. @returns the same shape. */
export function attendPrefill(cache: TestCache, q: Row[][], slidingWindow: number, on: Machine = {}): Row[][] {
  const flat = floats(q.flat());
  const out = new Float32Array(flat.length);
  lib.rkvt_attend_prefill(...cache.rows(on), flat, q.length, slidingWindow, out);
  const rows = rowsOf(out, cache.d), perToken = cache.heads * cache.group;
  return q.map((_, token) => rows.slice(token * perToken, (token + 1) * perToken));
}

/** Rows [first, first + n) of one query head, and the slots that they may see. */
export interface Listed {
  readonly head: number;
  readonly first: number;
  readonly n: number;
  readonly slots: readonly number[];
}

/** @param q [tokens][heads * group] of the last slots. @returns the same shape; rows that no item names are NaN. */
export function attendListed(cache: TestCache, q: Row[][], items: readonly Listed[], on: Machine = {}): Row[][] {
  const flat = floats(q.flat());
  const out = new Float32Array(flat.length).fill(NaN);
  const numbers = Int32Array.from(items.flatMap(({ head, first, n, slots }) => [head, first, n, slots.length]));
  const lists = Int32Array.from(items.flatMap(({ slots }) => [...slots]));
  lib.rkvt_attend_listed(
    ...cache.rows(on),
    flat,
    q.length,
    numbers,
    items.length,
    lists,
    out,
  );
  const rows = rowsOf(out, cache.d), perToken = cache.heads * cache.group;
  return q.map((_, token) => rows.slice(token * perToken, (token + 1) * perToken));
}

export interface DecodeResult {
  /** [heads][group] */
  readonly out: Row[][];
  /** [heads][lists] of slots; empty without a plan. */
  readonly selected: number[][][];
  /** By head. */
  readonly scoreBytes: number[];
  readonly attendBytes: number[];
  readonly tokens: number[];
  /** [heads][group], with `meanValue` only. */
  readonly mass: number[][];
}

export interface DecodeOptions extends Machine {
  /** What meets the first `n` candidates instead of `q`, like it. */
  readonly sinks?: { readonly q: Row[][]; readonly n: number };
  /** What is left out counts as the mean V of all candidates. */
  readonly meanValue?: boolean;
}

/** One decode step. @param q [heads][group] @param plan Without one everything from `first` on is attended. */
export function decodeStep(
  cache: TestCache,
  q: Row[][],
  plan: Plan | null,
  first = 0,
  on: DecodeOptions = {},
): DecodeResult {
  const { index } = cache.parts();
  const lists = plan?.rank === "per_head" ? cache.group : 1, topK = plan?.topK ?? 0;
  const selected = new Int32Array(cache.heads * lists * topK), counts = new Int32Array(cache.heads * lists);
  const counters = new BigInt64Array(cache.heads * 3);
  const flat = floats(q.flat());
  const out = new Float32Array(flat.length), mass = new Float32Array(cache.heads * cache.group);
  const candidates = cache.index ?? range(0, cache.n);
  const valueSums = cache.v.map((rows) =>
    Float64Array.from({ length: cache.d }, (_, dim) => candidates.reduce((sum, slot) => sum + rows[slot]![dim]!, 0))
  );
  lib.rkvt_decode(
    ...cache.rows(on),
    index,
    flat,
    on.sinks ? floats(on.sinks.q.flat()) : null,
    on.sinks?.n ?? 0,
    on.meanValue === true ? floats(valueSums) : null,
    plan === null ? null : packPlans([plan]),
    first,
    selected,
    counts,
    counters,
    mass,
    out,
  );
  const heads = range(0, cache.heads), rows = rowsOf(out, cache.d);
  const counter = (i: number) => heads.map((head) => Number(counters[3 * head + i]));
  return {
    out: heads.map((head) => rows.slice(head * cache.group, (head + 1) * cache.group)),
    selected: heads.map((head) =>
      plan === null ? [] : range(head * lists, (head + 1) * lists).map((i) => [
        ...selected.subarray(i * topK, i * topK + counts[i]!),
      ])
    ),
    scoreBytes: counter(0),
    attendBytes: counter(1),
    tokens: counter(2),
    mass: on.meanValue === true ? heads.map((h) => [...mass.subarray(h * cache.group, (h + 1) * cache.group)]) : [],
  };
}
