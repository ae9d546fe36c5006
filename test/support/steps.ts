/** The ops of the CPU backend that work behind attention, called one by one. */
import type { Row } from "../reference/ops.ts";
import { range } from "../reference/ops.ts";
import {
  decode,
  encode,
  KV_CODES,
  type KvType,
  type Machine,
  machine,
  rowsOf,
  type TestCache,
  WRAPPERS,
} from "./test_cache.ts";

const lib = Deno.dlopen(WRAPPERS, {
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
  rkvt_quantise: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "i32", //    kv
      "i32", //    n
      "i32", //    d
      "i32", //    bits
      "i32", //    group
      "buffer", // k
      "buffer", // v
      "buffer", // k_codes
      "buffer", // v_codes
      "buffer", // k_scale
      "buffer", // v_scale
    ],
    result: "void",
  },
  rkvt_decode_row: {
    parameters: [
      "i32", //    level
      "i32", //    kv
      "i32", //    d
      "i32", //    bits
      "buffer", // codes
      "buffer", // scale
      "buffer", // min
      "buffer", // row
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

/** Codes row by row and f16 scales as numbers, in the library's order. */
export interface CodedRows {
  /** [n][d] */
  readonly k: number[][];
  readonly v: number[][];
  /** [n / group][scale, min][d] */
  readonly kScale: number[];
  /** [n][scale, min][d / group] */
  readonly vScale: number[];
}

export function quantise(kv: KvType, k: Row[], v: Row[], bits: number, group: number, on: Machine = {}): CodedRows {
  const n = k.length, d = k[0]!.length;
  const codes = range(0, 2).map(() => new Uint8Array(n * d * bits / 8));
  const kScale = new Uint16Array(2 * n / group * d), vScale = new Uint16Array(2 * n * d / group);
  lib.rkvt_quantise(
    ...machine(on),
    KV_CODES[kv],
    n,
    d,
    bits,
    group,
    encode(k, kv),
    encode(v, kv),
    codes[0]!,
    codes[1]!,
    kScale,
    vScale,
  );
  const [kCodes, vCodes] = codes.map((bytes) => {
    const all = [...bytes].flatMap((byte) => range(0, 8 / bits).map((i) => (byte >> (i * bits)) & (2 ** bits - 1)));
    return range(0, n).map((row) => all.slice(row * d, (row + 1) * d));
  });
  const f16 = (words: Uint16Array<ArrayBuffer>) => [...new Float16Array(words.buffer)];
  return { k: kCodes!, v: vCodes!, kScale: f16(kScale), vScale: f16(vScale) };
}

/** @param codes [d] @param scale [d] @param min [d] */
export function decodeRow(kv: KvType, codes: number[], bits: number, scale: Row, min: Row, level: number): Row {
  const d = codes.length, perByte = 8 / bits;
  const packed = Uint8Array.from(
    range(0, d / perByte),
    (byte) => range(0, perByte).reduce((sum, i) => sum | codes[byte * perByte + i]! << (i * bits), 0),
  );
  const row = new Uint8Array(d * (kv === "f32" ? 4 : 2));
  lib.rkvt_decode_row(level, KV_CODES[kv], d, bits, packed, Float32Array.from(scale), Float32Array.from(min), row);
  return rowsOf(decode(row, kv), d)[0]!;
}
