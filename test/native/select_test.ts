import assert from "node:assert/strict";
import { DENSE, type Plan, RANK_MODES } from "../../lib/methods/plan.ts";
import { selectionMass, selectTokens } from "../reference/attention.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { decodeStep } from "../support/attention.ts";
import { type CacheOptions, KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";

const PAGES: Plan = { ...DENSE, select: "pages", pageSize: 3, queryDims: 40, topK: 20 };
const EXACT: Plan = { ...DENSE, select: "exact", topK: 20 };

/** The reference's choice as slots, for every head. */
function expected(cache: TestCache, q: Row[][], plan: Plan, first: number): number[][][] {
  const candidates = cache.index ?? range(0, cache.n);
  const positions = candidates.map((slot) => cache.positions[slot]!);
  return q.map((heads, h) => {
    const keys = candidates.map((slot) => cache.k[h]![slot]!);
    return selectTokens(heads, keys, plan, first, positions).map((list) => list.map((c) => candidates[c]!));
  });
}

/** Scores are f32 here and f64 there: the random inputs have no ties within that difference. */
function check(cache: TestCache, plan: Plan, first = 0, seed = 3): void {
  const q = cache.queries(seed);
  const wanted = expected(cache, q, plan, first);
  for (const level of LEVELS) {
    const { selected } = decodeStep(cache, q, plan, first, { level, threads: 2 });
    assert.deepEqual(selected, wanted, `level ${level}`);
  }
}

/** The weight that select promises for its choice; sums of f32 weights against f64. */
function checkMass(cache: TestCache, plan: Plan, first = 0): void {
  const q = cache.queries(5), candidates = cache.index ?? range(0, cache.n);
  const lists = decodeStep(cache, q, plan, first).selected;
  const wanted = q.map((heads, h) => {
    const keys = candidates.map((slot) => cache.k[h]![slot]!);
    return heads.map((_, g) => {
      const list = lists[h]![plan.rank === "per_head" ? g : 0]!.map((slot) => candidates.indexOf(slot));
      return selectionMass(heads, keys, plan, first, list, g);
    });
  });
  for (const level of LEVELS) {
    const { mass, selected } = decodeStep(cache, q, plan, first, { level, threads: 2, meanValue: true });
    assert.deepEqual(selected, lists);
    assert(largestError(mass.map((x) => Float64Array.from(x)), wanted.map((x) => Float64Array.from(x))) < 3e-6);
  }
}

/** Rows padded with zeros to 8 dims; `scale` makes up for the larger sqrt(d). */
const pad = (rows: number[][], d: number): Row[] =>
  rows.map((row) => Float64Array.from({ length: 8 }, (_, i) => Math.sqrt(8 / d) * (row[i] ?? 0)));
const keysOf = (rows: number[][]) => rows.map((row) => Float64Array.from({ length: 8 }, (_, i) => row[i] ?? 0));

function selectedOf(keys: number[][], q: Row[], plan: Plan): number[] {
  const cache = new TestCache({ kv: "f32", n: keys.length, d: 8, group: q.length, keys: keysOf(keys) });
  const all = LEVELS.map((level) => decodeStep(cache, [q], plan, 0, { level }).selected[0]![0]!);
  for (const selected of all) assert.deepEqual(selected, all[0]);
  return all[0]!;
}

for (const kv of KV_TYPES) {
  Deno.test(`select equals the reference for every head dim, group and ranking, ${kv}`, () => {
    for (const d of [8, 24, 64, 80, 96, 128, 256]) {
      for (const group of [1, 2, 3, 4, 7, 8]) {
        const cache = new TestCache({ kv, n: 130, d, group, heads: 2, seed: d });
        for (const rank of ["softmax_mean", "logit_sum"] as const) {
          for (const sign of ["group", "head"] as const) {
            check(cache, { ...PAGES, rank, sign, queryDims: Math.ceil(d / 2) });
          }
          check(cache, { ...EXACT, rank });
        }
        check(cache, { ...PAGES, queryDims: d });
        check(cache, { ...PAGES, queryDims: 1 });
        check(cache, { ...PAGES, rank: "per_head", queryDims: Math.ceil(d / 2) });
        check(cache, { ...PAGES, rank: "per_head", sign: "head", queryDims: d });
        check(cache, { ...EXACT, rank: "per_head" });
      }
    }
  });

  Deno.test(`select takes whole pages in order, and part of the last, at every size, ${kv}`, () => {
    for (const n of [2, 31, 32, 33, 64, 65, 96, 97, 98]) {
      const cache = new TestCache({ kv, n, d: 64, group: 3, seed: n });
      for (const pageSize of [1, 2, 3, 4, 8, 16, 33, 200]) {
        for (const topK of [1, 2, 3, 15, 16, 31, 95]) {
          for (const wholePages of [false, true]) {
            check(cache, { ...PAGES, pageSize, topK, wholePages });
            if (topK === 15) check(cache, { ...PAGES, pageSize, topK, wholePages, rank: "per_head" });
          }
        }
      }
    }
  });

  Deno.test(`select honours sliding windows and pins, ${kv}`, () => {
    const evicted = range(0, 100).map((i) => i < 4 ? i : 3 * i);
    for (const positions of [range(0, 100), evicted]) {
      const cache = new TestCache({ kv, n: 100, d: 64, group: 3, positions, runs: [41, 59] });
      for (const first of [0, 1, 2, 40, 70]) {
        for (const [pinSinks, pinRecent] of [[0, 0], [4, 0], [0, 1], [0, 9], [2, 7], [15, 5], [7, 13]] as const) {
          for (const plan of [PAGES, { ...PAGES, wholePages: true }, EXACT]) {
            check(cache, { ...plan, pinSinks, pinRecent }, first);
            if (first !== 1) check(cache, { ...plan, pinSinks, pinRecent, rank: "per_head" }, first);
          }
        }
      }
    }
  });

  Deno.test(`select reads index lists and pieces of caches, ${kv}`, () => {
    const base: CacheOptions = { kv, n: 200, d: 64, group: 3, heads: 2 };
    const index = range(0, 200).filter((s) => s % 5 !== 2 && (s < 60 || s > 90));
    for (const runs of [[200], [1, 199], [0, 61, 0, 138, 1]]) {
      for (const plan of [PAGES, { ...PAGES, pinSinks: 3, pinRecent: 2 }, EXACT, { ...EXACT, pinSinks: 20 }]) {
        check(new TestCache({ ...base, runs }), plan);
        check(new TestCache({ ...base, runs, index }), plan);
        check(new TestCache({ ...base, runs, index }), plan, 17);
        check(new TestCache({ ...base, runs, index }), { ...plan, rank: "per_head" }, 17);
      }
    }
  });

  Deno.test(`select gives the same choice whatever the threads and other heads, over several tasks a head, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 4500, d: 8, group: 3, heads: 2 });
    const q = cache.queries(4);
    const pages: Plan = { ...PAGES, pageSize: 1, queryDims: 5, topK: 700 };
    for (const plan of [pages, { ...pages, rank: "per_head" } as const, { ...EXACT, topK: 700 }]) {
      check(cache, plan, 0, 4);
      const once = decodeStep(cache, q, plan).selected;
      for (const threads of [2, 3]) assert.deepEqual(decodeStep(cache, q, plan, 0, { threads }).selected, once);
      const alone = new TestCache({ kv, n: 4500, d: 8, group: 3 });
      assert.deepEqual(decodeStep(alone, [q[0]!], plan).selected[0], once[0]);
    }
  });

  Deno.test(`select counts the bytes that it reads, ${kv}`, () => {
    const size = kv === "f32" ? 4 : 2;
    const cache = new TestCache({ kv, n: 100, d: 64, group: 3 });
    const bytes = (plan: Plan, first = 0) => decodeStep(cache, cache.queries(1), plan, first).scoreBytes[0];
    assert.equal(bytes(PAGES), 34 * 40 * size);
    assert.equal(bytes({ ...PAGES, sign: "head" }), 2 * 34 * 40 * size);
    assert.equal(bytes(PAGES, 50), 18 * 40 * size); // pages 16 to 33
    assert.equal(bytes(EXACT), 100 * 64 * size);
    assert.equal(bytes({ ...EXACT, rank: "per_head" }, 10), 90 * 64 * size);
    assert.equal(bytes({ ...PAGES, topK: 100 }), 0);
    // Three heads read dims of their own, and each knows which of the two bounds it needs.
    assert.equal(bytes({ ...PAGES, rank: "per_head" }), 3 * 34 * 40 * size);
    assert.equal(bytes({ ...PAGES, rank: "per_head", sign: "head" }), 3 * 34 * 40 * size);
  });

  Deno.test(`select estimates the weight of what it chose, ${kv}`, () => {
    const index = range(0, 200).filter((s) => s % 3 !== 1);
    for (const group of [1, 2, 3, 4, 8]) {
      for (const d of [8, 80]) {
        const cache = new TestCache({ kv, n: 200, d, group, runs: [123, 77], seed: d });
        const plan: Plan = { ...PAGES, queryDims: d / 2, topK: 50, pinSinks: 2, pinRecent: 3 };
        for (const rank of RANK_MODES) {
          checkMass(cache, { ...plan, rank });
          checkMass(cache, { ...plan, rank, pageSize: 1 }, 41);
          checkMass(cache, { ...plan, rank, sign: "head", pageSize: 16, wholePages: true });
          checkMass(cache, { ...plan, rank, select: "exact" }, 7);
          checkMass(new TestCache({ kv, n: 200, d, group, heads: 2, index }), { ...plan, rank }, 10);
        }
        checkMass(cache, { ...plan, topK: 200 });
      }
    }
  });
}

Deno.test("with page size 1, all dims and one head, pages rank like exact scores", () => {
  for (const topK of [1, 7, 50]) {
    const cache = new TestCache({ kv: "bf16", n: 90, d: 64, group: 1 });
    const q = cache.queries(8);
    const pages = decodeStep(cache, q, { ...PAGES, pageSize: 1, queryDims: 64, topK });
    assert.deepEqual(pages.selected, decodeStep(cache, q, { ...EXACT, topK }).selected);
    assert.deepEqual(pages.out, decodeStep(cache, q, { ...EXACT, topK }).out);
  }
});

Deno.test("permuting the heads of a group, or scaling a single head's query, changes no selection", () => {
  const cache = new TestCache({ kv: "bf16", n: 120, d: 64, group: 4 });
  const q = cache.queries(2)[0]!;
  for (const plan of [PAGES, { ...PAGES, rank: "logit_sum" } as const, EXACT]) {
    const once = decodeStep(cache, [q], plan).selected;
    assert.deepEqual(decodeStep(cache, [[q[2]!, q[0]!, q[3]!, q[1]!]], plan).selected, once);
  }
  const single = new TestCache({ kv: "bf16", n: 120, d: 64, group: 1 });
  for (const scale of [1e-3, 3, 1e3]) {
    const scaled = [[q[0]!.map((x) => scale * x)]];
    assert.deepEqual(decodeStep(single, scaled, PAGES).selected, decodeStep(single, [[q[0]!]], PAGES).selected);
  }
});

Deno.test("equal scores go to the lower positions", () => {
  const key = [1, 1, 1, 1, 1, 1, 1, 1];
  const twelve = range(0, 12).map((i) => i === 5 ? [2, 2, 2, 2, 2, 2, 2, 2] : key);
  const q = pad([[1, 1, 1, 1, 1, 1, 1, 1], [1, 2, 1, 1, 1, 1, 1, 1]], 8);
  assert.deepEqual(selectedOf(twelve, q, { ...EXACT, topK: 4 }), [0, 1, 2, 5]);
  assert.deepEqual(selectedOf(twelve, q, { ...PAGES, queryDims: 8, topK: 4 }), [0, 3, 4, 5]);
  assert.deepEqual(selectedOf(twelve, q, { ...PAGES, queryDims: 8, topK: 8 }), range(0, 8));
  assert.deepEqual(selectedOf(twelve, q, { ...PAGES, queryDims: 8, topK: 8, wholePages: true }), range(0, 6));
  // Dims tie as well: the lowest are read, and dim 7 is not.
  const last = range(0, 4).map((i) => [0, 0, 0, 0, 0, 0, 0, i === 3 ? 9 : 0]);
  assert.deepEqual(selectedOf(last, q.slice(0, 1), { ...PAGES, pageSize: 1, queryDims: 7, topK: 1 }), [0]);
  assert.deepEqual(selectedOf(last, q.slice(0, 1), { ...PAGES, pageSize: 1, queryDims: 8, topK: 1 }), [3]);
});

Deno.test("vector C: two dims, pages of 3 and a page in part", () => {
  const keys = [[1, 0, 2, -1], [0, 1, -1, 0], [2, -1, 0, 1], [-1, 2, 1, 0], [0, 0, 3, 1], [1, 1, -2, 0], [-2, 0, 1, 2]];
  const q = pad([[2, -1, 0.5, 0], [1, 0.5, -3, 0.25]], 4);
  const plan: Plan = { ...PAGES, pageSize: 3, queryDims: 2, topK: 4 };
  assert.deepEqual(selectedOf(keys, q, plan), [0, 1, 2, 3]);
  assert.deepEqual(selectedOf(keys, q, { ...plan, topK: 2 }), [0, 1]);
  assert.deepEqual(selectedOf(keys, q, { ...plan, topK: 6 }), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(selectedOf(keys, q, { ...plan, pinRecent: 1 }), [0, 1, 2, 6]);
});

Deno.test("vector E: the mean of softmaxes and the sum of scores choose different pages", () => {
  const q = pad([[30, 10], [0, 8], [0, 8]], 1); // times sqrt 8, which the temperature divides by
  const plan: Plan = { ...PAGES, pageSize: 1, queryDims: 8, topK: 1 };
  assert.deepEqual(selectedOf([[1, 0], [0, 1]], q, plan), [1]);
  assert.deepEqual(selectedOf([[1, 0], [0, 1]], q, { ...plan, rank: "logit_sum" }), [0]);
});

Deno.test("vector F: a page is bounded dim by dim, not by its best key", () => {
  // Bounds 7 and 2; a third page of two keys with product 5 comes between them, above the best key of the second (2).
  const keys = [[1, 2, -1], [3, -2, 0], [0, 0, 4], [-1, 5, -3], [5, 0, 0], [5, 0, 0]];
  const plan: Plan = { ...PAGES, pageSize: 2, queryDims: 8, topK: 2, sign: "head" };
  assert.deepEqual(selectedOf(keys, pad([[1, -2, 0.5]], 8), plan), [0, 1]);
  assert.deepEqual(selectedOf(keys, pad([[1, -2, 0.5]], 8), { ...plan, topK: 4 }), [0, 1, 4, 5]);
});

Deno.test("vector G: a group sum of exactly zero takes the minimum", () => {
  // Minimum -3 pleases the two negative heads; maximum 3 would please only the first.
  const keys = [[-3], [3], [1], [1]];
  const plan: Plan = { ...PAGES, pageSize: 2, queryDims: 1, topK: 2 };
  assert.deepEqual(selectedOf(keys, pad([[2], [-1], [-1]], 1), plan), [0, 1]);
});

Deno.test("vector I: a zero query weighs all tokens alike", () => {
  for (const kv of KV_TYPES) {
    const cache = new TestCache({ kv, n: 40, d: 64, group: 2 });
    const zero = [range(0, 2).map(() => new Float64Array(64))];
    for (
      const plan of [
        PAGES,
        { ...PAGES, sign: "head" } as const,
        { ...PAGES, rank: "per_head" } as const,
        EXACT,
        { ...EXACT, rank: "per_head" } as const,
      ]
    ) {
      for (const level of LEVELS) {
        const { selected, out } = decodeStep(cache, zero, plan, 0, { level });
        for (const list of selected[0]!) assert.deepEqual(list, range(0, 20));
        assert(out.flat().every((row) => row.every(Number.isFinite)));
      }
    }
  }
});

Deno.test("a key of 4 times the query's direction is among 32 selected of 4000", () => {
  const cache = new TestCache({ kv: "bf16", n: 4000, d: 64, group: 1 });
  const [q] = randomRows(1, 64, 77);
  const needle = new TestCache({
    kv: "bf16",
    n: 4000,
    d: 64,
    group: 1,
    keys: cache.k[0]!.map((row, i) => i === 1234 ? q!.map((x) => 4 * x) : row),
  });
  for (const level of LEVELS) {
    const { selected } = decodeStep(needle, [[q!]], { ...PAGES, queryDims: 32, topK: 32 }, 0, { level });
    assert(selected[0]![0]!.includes(1234));
  }
});
