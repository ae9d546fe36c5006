/** Random caches for the wrappers around single ops (test/native/shim_*.cpp): as rows for the reference, as bytes for them. */
import { decodedKeys, decodedValues } from "../reference/kivi.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { encodeElements } from "./elements.ts";

/** The library with the wrappers. */
export const WRAPPERS: URL = new URL("../../build/librkv_test.so", import.meta.url);

/** First parameters of wrappers that read keys: level, threads, shape, runs, k, positions. */
export const ON_KEYS = ["i32", "i32", "buffer", "buffer", "buffer", "buffer"] as const;
/** Of those that read values, too: level, threads, shape, runs, k, v, positions. */
export const ON_ROWS = ["i32", "i32", "buffer", "buffer", "buffer", "buffer", "buffer"] as const;

const lib = Deno.dlopen(WRAPPERS, { rkvt_best_cpu_level: { parameters: [], result: "i32" } }).symbols;

/** Instruction sets that this machine has, as `cpu_level`. */
export const LEVELS: readonly number[] = range(1, lib.rkvt_best_cpu_level() + 1);
/** The one that rounds queries and weights to bf16 in prefill. */
export const BF16_LEVEL = 3;
export const KV_TYPES = ["f32", "bf16"] as const;
export type KvType = typeof KV_TYPES[number];
export const KV_CODES = { f32: 0, bf16: 2 } as const;

/** How a call is computed; by default one thread of the best instruction set. */
export interface Machine {
  readonly level?: number;
  readonly threads?: number;
}
/** As calls take it. */
export function machine({ level = LEVELS.at(-1)!, threads = 1 }: Machine): readonly [number, number] {
  return [level, threads];
}

export interface CacheOptions {
  readonly kv: KvType;
  readonly n: number;
  readonly d: number;
  readonly group: number;
  readonly heads?: number;
  /** Lengths of the runs that the slots are cut into. @default {[n]} */
  readonly runs?: readonly number[];
  /** @default {0, 1, 2, ...} */
  readonly positions?: readonly number[];
  /** Slots that may be attended. @default all */
  readonly index?: readonly number[];
  readonly seed?: number;
  /** Keys of every head instead of random ones. */
  readonly keys?: readonly Row[];
  /** KIVI: the first `runs` runs hold codes. */
  readonly codes?: Codes;
}

/** How quantised runs are coded: `group` divides their lengths and d. */
export interface Codes {
  readonly bits: 2 | 4 | 8;
  readonly group: number;
  readonly runs: number;
}

type Numbers = Int32Array<ArrayBuffer>;
type Bytes = Uint8Array<ArrayBuffer>;

/** A cache as the wrappers take it. */
interface Parts {
  readonly shape: Numbers;
  readonly runs: Numbers;
  readonly k: Bytes;
  readonly v: Bytes;
  readonly positions: Numbers;
  readonly index: Numbers;
}

/** Caches of a few KV heads with the same layout: as rows for the reference, as bytes for the library. */
export class TestCache {
  readonly kv: KvType;
  readonly n: number;
  readonly d: number;
  readonly group: number;
  readonly heads: number;
  readonly runs: readonly number[];
  readonly positions: readonly number[];
  readonly index: readonly number[] | null;
  readonly codes: Codes | null;
  /** [heads][n] rows, rounded to the KV dtype; of quantised runs what their codes stand for. */
  readonly k: Row[][];
  readonly v: Row[][];
  /** What was quantised, [heads][n] each. */
  readonly exact: { readonly k: Row[][]; readonly v: Row[][] };

  constructor(options: CacheOptions) {
    const { kv, n, d, group, heads = 1, seed = 1 } = options;
    this.kv = kv;
    this.n = n;
    this.d = d;
    this.group = group;
    this.heads = heads;
    this.runs = options.runs ?? [n];
    this.positions = options.positions ?? range(0, n);
    this.index = options.index ?? null;
    const rows = (seed: number) => range(0, heads).map((head) => rounded(randomRows(n, d, seed + head), kv));
    this.k = options.keys ? range(0, heads).map(() => rounded(options.keys!, kv)) : rows(100 * seed);
    this.v = rows(100 * seed + 50);
    this.codes = options.codes ?? null;
    this.exact = { k: this.k, v: this.v };
    if (this.codes !== null) {
      const { bits, group: size, runs } = this.codes;
      const coded = this.runs.slice(0, runs).reduce((a, b) => a + b, 0);
      const left = (rows: Row[], decoded: (rows: Row[], bits: number, size: number) => Row[]) => [
        ...rounded(decoded(rows.slice(0, coded), bits, size), kv),
        ...rows.slice(coded),
      ];
      this.k = this.k.map((rows) => left(rows, decodedKeys));
      this.v = this.v.map((rows) => left(rows, decodedValues));
    }
  }

  /** The same rows without codes. */
  plain(): TestCache {
    return Object.assign(Object.create(TestCache.prototype), this, { codes: null }) as TestCache;
  }

  /** Random queries [heads][group] of one token. */
  queries(seed: number): Row[][] {
    return range(0, this.heads).map((head) => randomRows(this.group, this.d, 1000 * seed + head));
  }

  /** `CacheShape`, run lengths, K, V and positions of the wrappers. */
  parts(): Parts {
    const shape = Int32Array.of(
      KV_CODES[this.kv],
      this.d,
      this.group,
      this.heads,
      this.n,
      this.runs.length,
      this.index?.length ?? 0,
      this.codes?.runs ?? 0,
      this.codes?.bits ?? 0,
      this.codes?.group ?? 0,
    );
    const { k, v } = this.codes === null ? this : this.exact;
    return {
      shape,
      runs: Int32Array.from(this.runs),
      k: encode(k.flat(), this.kv),
      v: encode(v.flat(), this.kv),
      positions: Int32Array.from(this.positions),
      index: Int32Array.from(this.index ?? []),
    };
  }

  /** Arguments of the wrappers that `ON_KEYS` declares. */
  keys(on: Machine): readonly [number, number, Numbers, Numbers, Bytes, Numbers] {
    const { shape, runs, k, positions } = this.parts();
    return [...machine(on), shape, runs, k, positions];
  }

  /** Arguments of the wrappers that `ON_ROWS` declares. */
  rows(on: Machine): readonly [number, number, Numbers, Numbers, Bytes, Bytes, Numbers] {
    const { shape, runs, k, v, positions } = this.parts();
    return [...machine(on), shape, runs, k, v, positions];
  }
}

/** Rows as the library holds them. */
export function encode(rows: readonly Row[], kv: KvType): Uint8Array<ArrayBuffer> {
  return encodeElements(kv, floats(rows));
}

/** What the bytes of rows stand for. */
export function decode(bytes: Uint8Array<ArrayBuffer>, kv: KvType): Float32Array {
  if (kv === "f32") return new Float32Array(bytes.buffer);
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer);
}

/** What is left of rows in the KV dtype. */
function rounded(rows: readonly Row[], kv: KvType): Row[] {
  return rowsOf(decode(encode(rows, kv), kv), rows[0]!.length);
}

/** Rows one after the other. */
export function floats(rows: readonly Row[]): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(rows.reduce((length, row) => length + row.length, 0));
  let at = 0;
  for (const row of rows) {
    flat.set(row, at);
    at += row.length;
  }
  return flat;
}

/** Cut a flat array into rows. */
export function rowsOf(flat: ArrayLike<number>, length: number): Row[] {
  return range(0, flat.length / length).map((i) => Float64Array.from({ length }, (_, j) => flat[i * length + j]!));
}

/** Largest absolute difference. */
export function largestError(found: readonly Row[], wanted: readonly Row[]): number {
  let error = 0;
  found.forEach((row, i) => row.forEach((x, j) => error = Math.max(error, Math.abs(x - wanted[i]![j]!) || 0)));
  const bad = found.findIndex((row) => row.some((x) => !Number.isFinite(x)));
  return bad < 0 ? error : Infinity;
}
