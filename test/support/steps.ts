/** The ops of the CPU backend that work behind attention, called one by one. */
import type { Row } from "../reference/ops.ts";
import { range } from "../reference/ops.ts";
import { decode, encode, KV_CODES, rowsOf, type TestCache } from "./attention.ts";

const lib = Deno.dlopen(new URL("../../build/librkv_test.so", import.meta.url), {
  rkvt_evict_step: {
    parameters: [
      "i32", //    threads
      "i32", //    kv
      "i32", //    n_heads
      "i32", //    n
      "i32", //    d
      "i32", //    sinks
      "i32", //    newest
      "i32", //    moves_score
      "i32", //    shared
      "buffer", // k
      "buffer", // v
      "buffer", // position
      "buffer", // score
    ],
    result: "void",
  },
}).symbols;

export interface EvictOptions {
  readonly sinks: number;
  readonly newest: number;
  readonly movesScore: boolean;
  /** All heads go by the scores of the first. @default {false} */
  readonly shared?: boolean;
  readonly threads?: number;
}

/** One head after a token was dropped: the last slot is the one that the caller forgets. */
export interface Slots {
  readonly k: Row[];
  readonly v: Row[];
  readonly positions: number[];
  readonly score: number[];
}

/** @param score [heads][n] */
export function evictStep(cache: TestCache, score: readonly (readonly number[])[], options: EvictOptions): Slots[] {
  const { kv, heads, n, d } = cache;
  const { sinks, newest, movesScore, shared = false, threads = 1 } = options;
  const k = encode(cache.k.flat(), kv), v = encode(cache.v.flat(), kv);
  const position = Int32Array.from(range(0, heads).flatMap(() => [...cache.positions]));
  const flat = Float32Array.from(score.flat());
  lib.rkvt_evict_step(
    threads,
    KV_CODES[kv],
    heads,
    n,
    d,
    sinks,
    newest,
    Number(movesScore),
    Number(shared),
    k,
    v,
    position,
    flat,
  );
  const kRows = rowsOf(decode(k, kv), d), vRows = rowsOf(decode(v, kv), d);
  return range(0, heads).map((h) => ({
    k: kRows.slice(h * n, (h + 1) * n),
    v: vRows.slice(h * n, (h + 1) * n),
    positions: [...position.subarray(h * n, (h + 1) * n)],
    score: [...flat.subarray((shared ? 0 : h) * n, (shared ? 1 : h + 1) * n)],
  }));
}
