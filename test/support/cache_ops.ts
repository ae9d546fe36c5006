/** Ops of the CPU backend on whole caches - votes, the best of them, copies, page bounds - called one by one. */
import { range, type Row } from "../reference/ops.ts";
import { decode, encode, floats, type Machine, ON_KEYS, rowsOf, type TestCache, WRAPPERS } from "./test_cache.ts";

const lib = Deno.dlopen(WRAPPERS, {
  rkvt_vote: {
    parameters: [
      ...ON_KEYS,
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
      ...ON_KEYS,
      "buffer", // index
      "i32", //    page_size
      "i32", //    pitch
      "i32", //    from
      "buffer", // planes
    ],
    result: "void",
  },
}).symbols;

/** @param q [heads][window][group] @param gap Unused floats after every token's queries. @returns [heads][n - window] */
export function vote(cache: TestCache, q: Row[][][], slidingWindow: number, gap = 0, on: Machine = {}): Row[] {
  const window = q[0]!.length, length = cache.n - window;
  const unused = new Float64Array(gap).fill(NaN);
  const score = new Float32Array(cache.heads * length);
  const flat = floats(q.flat().flatMap((heads) => [...heads, unused]));
  lib.rkvt_vote(...cache.keys(on), flat, gap, window, slidingWindow, score);
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
  const { index } = cache.parts();
  lib.rkvt_build_bounds(...cache.keys(on), index, pageSize, planes.pitch, from, planes.bytes);
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
