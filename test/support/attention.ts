/** The attention ops of the CPU backend, called one by one on random caches. */
import type { Plan } from "../../lib/methods/plan.ts";
import { packPlans } from "../../lib/native/plan.ts";
import { decodedKeys, decodedValues } from "../reference/kivi.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { encodeElements } from "./elements.ts";

const lib = Deno.dlopen(new URL("../../build/librkv_test.so", import.meta.url), {
  rkvt_best_cpu_level: { parameters: [], result: "i32" },
  rkvt_attend_prefill: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // v
      "buffer", // positions
      "buffer", // q
      "i32", //    n
      "i32", //    sliding_window
      "buffer", // out
    ],
    result: "void",
  },
  rkvt_attend_listed: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // v
      "buffer", // positions
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
      "i32", //    level
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // v
      "buffer", // positions
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
  rkvt_vote: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // positions
      "buffer", // q
      "i32", //    gap
      "i32", //    window
      "i32", //    sliding_window
      "buffer", // score
    ],
    result: "void",
  },
  rkvt_keep_best: {
    parameters: [
      "i32", //    threads
      "buffer", // score
      "i32", //    n_heads
      "i32", //    n
      "i32", //    keep
      "i32", //    sinks
      "i32", //    pool_kind
      "i32", //    pool_width
      "i32", //    tie_by_position
      "buffer", // kept
    ],
    result: "void",
  },
  rkvt_gather: {
    parameters: [
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // v
      "buffer", // positions
      "buffer", // slots
      "i32", //    n
      "buffer", // k_out
      "buffer", // v_out
      "buffer", // position_out
    ],
    result: "void",
  },
  rkvt_build_bounds: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "buffer", // shape
      "buffer", // runs
      "buffer", // k
      "buffer", // positions
      "buffer", // index
      "i32", //    page_size
      "i32", //    pitch
      "i32", //    from
      "buffer", // planes
    ],
    result: "void",
  },
}).symbols;

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

/** A cache as the wrappers take it. */
interface Parts {
  readonly shape: Int32Array<ArrayBuffer>;
  readonly runs: Int32Array<ArrayBuffer>;
  readonly k: Uint8Array<ArrayBuffer>;
  readonly v: Uint8Array<ArrayBuffer>;
  readonly positions: Int32Array<ArrayBuffer>;
  readonly index: Int32Array<ArrayBuffer>;
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

/** @param q [tokens][heads * group] of the last slots. @returns the same shape. */
export function attendPrefill(cache: TestCache, q: Row[][], slidingWindow: number, on: Machine = {}): Row[][] {
  const { shape, runs, k, v, positions } = cache.parts();
  const flat = floats(q.flat());
  const out = new Float32Array(flat.length);
  lib.rkvt_attend_prefill(...machine(on), shape, runs, k, v, positions, flat, q.length, slidingWindow, out);
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
  const { shape, runs, k, v, positions } = cache.parts();
  const flat = floats(q.flat());
  const out = new Float32Array(flat.length).fill(NaN);
  const numbers = Int32Array.from(items.flatMap(({ head, first, n, slots }) => [head, first, n, slots.length]));
  const lists = Int32Array.from(items.flatMap(({ slots }) => [...slots]));
  lib.rkvt_attend_listed(
    ...machine(on),
    shape,
    runs,
    k,
    v,
    positions,
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
  const { shape, runs, k, v, positions, index } = cache.parts();
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
    ...machine(on),
    shape,
    runs,
    k,
    v,
    positions,
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

/** @param q [heads][window][group] @param gap Unused floats after every token's queries. @returns [heads][n - window] */
export function vote(cache: TestCache, q: Row[][][], slidingWindow: number, gap = 0, on: Machine = {}): Row[] {
  const { shape, runs, k, positions } = cache.parts();
  const window = q[0]!.length, length = cache.n - window;
  const unused = new Float64Array(gap).fill(NaN);
  const score = new Float32Array(cache.heads * length);
  const flat = floats(q.flat().flatMap((heads) => [...heads, unused]));
  lib.rkvt_vote(...machine(on), shape, runs, k, positions, flat, gap, window, slidingWindow, score);
  return range(0, cache.heads).map((h) => Float64Array.from(score.subarray(h * length, (h + 1) * length)));
}

/** @param score [heads][n] @returns [heads][keep] */
export function keepBest(
  score: readonly ArrayLike<number>[],
  keep: number,
  sinks: number,
  pool: "max" | "avg",
  width: number,
  threads = 1,
  tieByPosition = false,
): number[][] {
  const n = score[0]!.length;
  const flat = Float32Array.from(score.flatMap((row) => Array.from(row)));
  const kept = new Int32Array(score.length * keep);
  lib.rkvt_keep_best(
    threads,
    flat,
    score.length,
    n,
    keep,
    sinks,
    pool === "max" ? 0 : 1,
    width,
    tieByPosition ? 1 : 0,
    kept,
  );
  return score.map((_, head) => [...kept.subarray(head * keep, (head + 1) * keep)]);
}

/** Rows of the first head. */
export function gather(cache: TestCache, slots: number[], threads = 1): { k: Row[]; v: Row[]; positions: number[] } {
  const { shape, runs, k, v, positions } = cache.parts();
  const bytes = slots.length * cache.d * (cache.kv === "f32" ? 4 : 2);
  const kOut = new Uint8Array(bytes), vOut = new Uint8Array(bytes), positionOut = new Int32Array(slots.length);
  const list = Int32Array.from(slots);
  lib.rkvt_gather(threads, shape, runs, k, v, positions, list, slots.length, kOut, vOut, positionOut);
  return {
    k: rowsOf(decode(kOut, cache.kv), cache.d),
    v: rowsOf(decode(vOut, cache.kv), cache.d),
    positions: [...positionOut],
  };
}

/** Page bounds as the library stores them, [heads][2][d][pitch]. */
export interface Planes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly pitch: number;
}

/** Planes that hold NaN until they are built. */
export function emptyPlanes(cache: TestCache, pitch: number): Planes {
  return {
    bytes: encode(range(0, cache.heads * 2 * cache.d).map(() => new Float64Array(pitch).fill(NaN)), cache.kv),
    pitch,
  };
}

export function buildBounds(cache: TestCache, planes: Planes, pageSize: number, from: number, on: Machine = {}): void {
  const { shape, runs, k, positions, index } = cache.parts();
  lib.rkvt_build_bounds(...machine(on), shape, runs, k, positions, index, pageSize, planes.pitch, from, planes.bytes);
}

/** One head's bounds page by page. */
export function pagesOf(cache: TestCache, planes: Planes, head: number, pages: number): { min: Row[]; max: Row[] } {
  const rows = rowsOf(decode(planes.bytes, cache.kv), planes.pitch);
  const plane = (which: number) =>
    range(0, pages).map((page) =>
      Float64Array.from({ length: cache.d }, (_, dim) => rows[(head * 2 + which) * cache.d + dim]![page]!)
    );
  return { min: plane(0), max: plane(1) };
}

/** Largest absolute difference. */
export function largestError(found: readonly Row[], wanted: readonly Row[]): number {
  let error = 0;
  found.forEach((row, i) => row.forEach((x, j) => error = Math.max(error, Math.abs(x - wanted[i]![j]!) || 0)));
  const bad = found.findIndex((row) => row.some((x) => !Number.isFinite(x)));
  return bad < 0 ? error : Infinity;
}
