import assert from "node:assert/strict";
import { DENSE, type Plan, RANK_MODES } from "../../lib/methods/plan.ts";
import { attend } from "../reference/attention.ts";
import { range, type Row } from "../reference/ops.ts";
import { decodeStep } from "../support/attention.ts";
import { KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";

// Scores, weights and sums are f32 whatever the KV dtype; values are of size 1 to 5.
const F32 = 2e-5;

function expected(cache: TestCache, q: Row[][], slots: (head: number, g: number) => number[]): Row[] {
  return q.flatMap((heads, h) => heads.map((row, g) => attend(row, cache.k[h]!, cache.v[h]!, slots(h, g))));
}

function check(cache: TestCache, first = 0): void {
  const q = cache.queries(7);
  const live = (cache.index ?? range(0, cache.n)).slice(first);
  const wanted = expected(cache, q, () => live);
  for (const level of LEVELS) {
    const { out, tokens, attendBytes, scoreBytes } = decodeStep(cache, q, null, first, { level });
    const error = largestError(out.flat(), wanted);
    assert(error < F32, `level ${level}, d ${cache.d}, group ${cache.group}, n ${cache.n}: error ${error}`);
    const row = 2 * cache.d * (cache.kv === "f32" ? 4 : 2);
    assert.deepEqual(tokens, out.map(() => live.length));
    assert.deepEqual(attendBytes, out.map(() => live.length * row));
    assert.deepEqual(scoreBytes, out.map(() => 0));
  }
}

/** Candidates below `n` are scored by one query, the others by another. */
function checkSinks(cache: TestCache, plan: Plan | null, n: number, first: number): void {
  const q = cache.queries(7), sinks = { q: cache.queries(8), n };
  const candidates = cache.index ?? range(0, cache.n), bar = candidates[n] ?? cache.n;
  // Two queries as one of twice the dims, each meeting the keys that are its own.
  const none = new Float64Array(cache.d);
  const join = (a: Row, b: Row, scale = 1) => Float64Array.from([...a, ...b], (x) => x * scale);
  const keys = cache.k.map((rows) => rows.map((key, slot) => slot < bar ? join(key, none) : join(none, key)));
  const { selected } = decodeStep(cache, q, plan, first, { sinks });
  const wanted = q.flatMap((heads, h) =>
    heads.map((row, g) => {
      const list = plan === null ? candidates.slice(first) : selected[h]![plan.rank === "per_head" ? g : 0]!;
      return attend(join(sinks.q[h]![g]!, row, Math.SQRT2), keys[h]!, cache.v[h]!, list);
    })
  );
  for (const level of LEVELS) {
    const step = decodeStep(cache, q, plan, first, { level, threads: 2, sinks });
    assert.deepEqual(step.selected, selected);
    const error = largestError(step.out.flat(), wanted);
    assert(error < F32, `level ${level}, ${n} sinks, group ${cache.group}: error ${error}`);
  }
}

/** What was selected, and the mean of all V for the weight that was not. */
function checkMean(cache: TestCache, plan: Plan): void {
  const q = cache.queries(3), candidates = [...cache.index ?? range(0, cache.n)];
  const mean = cache.v.map((v, h) => attend(new Float64Array(cache.d), cache.k[h]!, v, candidates));
  for (const level of LEVELS) {
    const { out, selected, mass, attendBytes } = decodeStep(cache, q, plan, 0, { level, threads: 2, meanValue: true });
    const exact = expected(cache, q, (h, g) => selected[h]![plan.rank === "per_head" ? g : 0]!);
    const wanted = exact.map((row, i) => {
      const h = Math.floor(i / cache.group), share = mass[h]![i % cache.group]!;
      return row.map((x, dim) => share * x + (1 - share) * mean[h]![dim]!);
    });
    const error = largestError(out.flat(), wanted);
    assert(error < F32, `level ${level}, d ${cache.d}, group ${cache.group}: error ${error}`);
    const row = 2 * cache.d * (cache.kv === "f32" ? 4 : 2);
    const distinct = selected.map((lists) => new Set(lists.flat()).size);
    assert.deepEqual(attendBytes, distinct.map((n) => n * row + 4 * cache.d));
  }
}

const EXACT: Plan = { ...DENSE, select: "exact", topK: 20 };

for (const kv of KV_TYPES) {
  Deno.test(`attend equals the reference for every head dim and group, ${kv}`, () => {
    for (const d of [8, 16, 24, 32, 40, 64, 72, 80, 96, 128, 256]) {
      for (const group of [1, 2, 3, 4, 5, 7, 8, 16]) check(new TestCache({ kv, n: 37, d, group, seed: d + group }));
    }
  });

  Deno.test(`attend equals the reference at awkward lengths, ${kv}`, () => {
    for (const n of [1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 255, 256, 257, 511, 512, 513, 1000]) {
      for (const group of [1, 3, 4]) check(new TestCache({ kv, n, d: 16, group, heads: 2, seed: n }));
    }
  });

  Deno.test(`attend reads index lists, pieces of caches and sliding windows, ${kv}`, () => {
    const base = { kv, n: 600, d: 64, group: 3, heads: 2 } as const;
    for (const runs of [[600], [1, 599], [255, 2, 343], [0, 300, 0, 0, 299, 1, 0]]) {
      check(new TestCache({ ...base, runs }));
      check(new TestCache({ ...base, runs }), 259);
      check(new TestCache({ ...base, runs }), 599);
      const index = range(0, 600).filter((s) => s % 3 === 0 || s > 570);
      check(new TestCache({ ...base, runs, index }));
      check(new TestCache({ ...base, runs, index }), 17);
    }
  });

  Deno.test(`attend to what was selected equals the reference, ${kv}`, () => {
    for (const rank of ["softmax_mean", "per_head"] as const) {
      for (const topK of [1, 15, 64, 299]) {
        const cache = new TestCache({ kv, n: 300, d: 64, group: 3, heads: 2, runs: [123, 177] });
        const q = cache.queries(3);
        for (const level of LEVELS) {
          const { out, selected, tokens, attendBytes } = decodeStep(cache, q, { ...EXACT, rank, topK }, 0, { level });
          const wanted = expected(cache, q, (h, g) => selected[h]![rank === "per_head" ? g : 0]!);
          assert(largestError(out.flat(), wanted) < F32);
          const distinct = selected.map((lists) => new Set(lists.flat()).size);
          assert.deepEqual(tokens, distinct);
          assert.deepEqual(attendBytes, distinct.map((n) => n * 2 * 64 * (kv === "f32" ? 4 : 2)));
        }
      }
    }
  });

  Deno.test(`attend meets the first candidates with a query of their own, ${kv}`, () => {
    const index = range(0, 300).filter((s) => s % 3 !== 0 || s > 270);
    for (const group of [1, 3, 8]) {
      for (const plan of [null, { ...EXACT, topK: 150 }, { ...EXACT, rank: "per_head", topK: 90 } as const]) {
        for (const n of [4, 256, 1000]) {
          const base = { kv, n: 300, d: 64, group, heads: 2, runs: [123, 177] } as const;
          checkSinks(new TestCache(base), plan, n, 0);
          checkSinks(new TestCache({ ...base, index }), plan, n, 0);
        }
        checkSinks(new TestCache({ kv, n: 270, d: 80, group }), plan, 5, 3);
      }
    }
  });

  Deno.test(`attend lets what was left out count as the mean V, ${kv}`, () => {
    const index = range(0, 200).filter((s) => s % 4 !== 1);
    for (const d of [8, 16, 64, 80, 128]) {
      for (const group of [1, 2, 3, 4, 8]) {
        for (const rank of RANK_MODES) {
          const plan: Plan = { ...DENSE, select: "pages", pageSize: 2, queryDims: d / 2, topK: 40, rank };
          checkMean(new TestCache({ kv, n: 200, d, group, runs: [7, 193] }), plan);
          checkMean(new TestCache({ kv, n: 200, d, group, heads: 2, index }), plan);
        }
      }
    }
  });

  Deno.test(`attend to a selection of everything gives the bits of dense attention, ${kv}`, () => {
    for (const group of [1, 3, 8]) {
      for (const index of [undefined, range(0, 700).filter((s) => s % 2 === 0)]) {
        const cache = new TestCache({ kv, n: 700, d: 80, group, runs: [100, 600], ...(index ? { index } : {}) });
        const q = cache.queries(5);
        for (const level of LEVELS) {
          const dense = decodeStep(cache, q, null, 3, { level }).out;
          for (const rank of ["softmax_mean", "logit_sum", "per_head"] as const) {
            assert.deepEqual(decodeStep(cache, q, { ...EXACT, rank, topK: 700 }, 3, { level }).out, dense);
          }
          const pages: Plan = { ...DENSE, select: "pages", pageSize: 1, queryDims: 80, topK: 697 };
          assert.deepEqual(decodeStep(cache, q, pages, 3, { level }).out, dense);
          assert.deepEqual(decodeStep(cache, q, pages, 3, { level, meanValue: true }).out, dense);
          const sinks = { q, n: 9 };
          assert.deepEqual(decodeStep(cache, q, null, 3, { level, sinks }).out, dense);
        }
      }
    }
  });

  Deno.test(`attend gives the same bits whatever the threads, runs and other heads, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 1025, d: 64, group: 3, heads: 3 });
    const q = cache.queries(2);
    for (const plan of [null, { ...EXACT, topK: 600 }, { ...EXACT, rank: "per_head", topK: 300 } as const]) {
      for (const level of LEVELS) {
        const once = decodeStep(cache, q, plan, 0, { level, threads: 1 }).out;
        for (const threads of [2, 3]) assert.deepEqual(decodeStep(cache, q, plan, 0, { level, threads }).out, once);
        const cut = new TestCache({ kv, n: 1025, d: 64, group: 3, heads: 3, runs: [300, 1, 724] });
        assert.deepEqual(decodeStep(cut, q, plan, 0, { level, threads: 2 }).out, once);
        const alone = new TestCache({ kv, n: 1025, d: 64, group: 3, heads: 1 });
        assert.deepEqual(decodeStep(alone, [q[0]!], plan, 0, { level }).out[0], once[0]);
      }
    }
  });
}

Deno.test("attend is finite for zero queries, equal keys and far apart scores", () => {
  for (const kv of KV_TYPES) {
    for (const level of LEVELS) {
      const cache = new TestCache({ kv, n: 300, d: 24, group: 2 });
      const q = cache.queries(1).map(([, row]) => [new Float64Array(24), row!.map((x) => 1000 * x)]);
      const { out } = decodeStep(cache, q, null, 0, { level });
      const mean = new Float64Array(24).map((_, dim) => cache.v[0]!.reduce((sum, row) => sum + row[dim]!, 0) / 300);
      assert(largestError([out[0]![0]!], [mean]) < F32);
      const best = expected(cache, q, () => range(0, 300))[1]!;
      assert(largestError([out[0]![1]!], [best]) < 1e-3); // scores of thousands leave f32 an error of 1e-4 in the exponent
    }
  }
});

Deno.test("vector C: exact attention over tokens 0 to 3 has the published weights", () => {
  // Values are unit vectors, so that the result is the weights. d = 4 is padded to 8 with zeros, which q makes up for.
  const pad = (row: number[], scale = 1) => Float64Array.from({ length: 8 }, (_, i) => scale * (row[i] ?? 0));
  const keys = [[1, 0, 2, -1], [0, 1, -1, 0], [2, -1, 0, 1], [-1, 2, 1, 0]];
  const cache = new TestCache({ kv: "f32", n: 4, d: 8, group: 2, keys: keys.map((k) => pad(k)) });
  cache.v[0] = range(0, 4).map((i) => pad(range(0, 4).map((j) => Number(i === j))));
  const q = [[2, -1, 0.5, 0], [1, 0.5, -3, 0.25]].map((row) => pad(row, Math.SQRT2)); // sqrt(8) / sqrt(4)
  const wanted = [[.258903, .027288, .703770, .010039], [.008574, .681095, .283923, .026409]];
  for (const level of LEVELS) {
    const { out } = decodeStep(cache, [q], null, 0, { level });
    assert(largestError(out[0]!, wanted.map((row) => pad(row))) < 1e-6);
  }
});
