import assert from "node:assert/strict";
import { DTYPES } from "../../lib/model/types.ts";
import { range, type Row } from "../reference/ops.ts";
import { blockElements, dequantize } from "../reference/quant.ts";
import { randomRows } from "../reference/random.ts";
import { blockScores, expectedScore, outputNorms, queryMoments } from "../reference/score.ts";
import { type CacheOptions, KV_TYPES, largestError, LEVELS, type Machine, TestCache } from "../support/test_cache.ts";
import { randomWeights } from "../support/linear.ts";
import { blockScoresOf, expectedScores, observeQueries, outputNormsOf } from "../support/score.ts";

// Sums of products in f32, relative to the largest result. Exponents are some tens at most: that much worse.
const F32 = 2e-6;
const EXPONENTS = 2e-5;

const HEAD_DIMS = [8, 16, 64, 80, 128];
const LENGTHS = [1, 31, 32, 33, 127, 128, 129, 513, 1100];

const largest = (rows: readonly Row[]) =>
  Math.max(...rows.flatMap((row) => [...row].filter(Number.isFinite).map(Math.abs)));
const group = (rows: Row[], size: number) =>
  range(0, rows.length / size).map((i) => rows.slice(i * size, (i + 1) * size));

/** Compare with `wanted` on every level; more threads give the same bits. */
function everywhere(call: (on: Machine) => Row[], wanted: Row[], tolerance: number, what: string): void {
  for (const level of LEVELS) {
    const found = call({ level, threads: 1 });
    const error = largestError(found, wanted) / largest(wanted);
    assert(error < tolerance, `${what}, level ${level}: error ${error}`);
    assert.deepEqual(call({ level, threads: 3 }), found, `${what}: more threads change the result`);
  }
}

/** Caches of every dtype, head dim, group and length. */
function* shapes(): Generator<CacheOptions & { group: number; heads: number }> {
  for (const kv of KV_TYPES) {
    for (const d of HEAD_DIMS) yield { kv, n: 70, d, group: 2, heads: 2, seed: d };
    for (const group of [1, 3, 4, 8]) yield { kv, n: 33, d: 16, group, heads: 2, seed: group };
    for (const n of LENGTHS) {
      yield { kv, n, d: 16, group: 2, heads: 1, seed: n, runs: [n - Math.ceil(n / 3), 0, Math.ceil(n / 3)] };
    }
  }
}
const named = ({ kv, n, d, group }: CacheOptions) => `${kv}, n ${n}, d ${d}, group ${group}`;

Deno.test("observe_queries sums queries and their products, on top of what is there", () => {
  for (const d of [8, 16, 24, 64, 80, 96, 128]) {
    for (const [n, heads] of [[1, 1], [31, 2], [33, 5], [127, 1], [129, 2], [300, 4]] as const) {
      const q = group(randomRows(n * heads, d, d + n), heads);
      const more = group(randomRows(7 * heads, d, n), heads);
      const wanted = range(0, heads).map((h) => {
        const rows = [...q, ...more].map((row) => row[h]!);
        const sums = new Float64Array(d + d * d);
        for (const row of rows) {
          for (let i = 0; i < d; i++) {
            sums[i]! += row[i]!;
            for (let j = 0; j < d; j++) sums[d + i * d + j]! += row[i]! * row[j]!;
          }
        }
        return sums;
      });
      everywhere((on) => observeQueries(more, observeQueries(q, null, on), on), wanted, F32, `n ${n}, d ${d}`);
    }
  }
});

Deno.test("mean and covariance follow from the sums", () => {
  const q = group(randomRows(200, 16, 3).map((row) => row.map((x, i) => Math.fround(x * (1 + i) + i))), 2);
  for (const level of LEVELS) {
    observeQueries(q, null, { level }).forEach((sums, head) => {
      const { mean, covariance } = queryMoments(q.map((row) => row[head]!));
      const found = sums.subarray(0, 16).map((x) => x / 100);
      const products = sums.slice(16).map((x, at) => x / 100 - found[Math.floor(at / 16)]! * found[at % 16]!);
      assert(largestError([found], [mean]) < 1e-5);
      assert(largestError([products], [covariance]) / largest([covariance]) < 1e-5);
    });
  }
});

/** What queries of `size` might be like: means and covariances [heads][group]. */
function moments(
  shape: { d: number; group: number; heads: number },
  size: number,
): { mean: Row[][]; covariance: Row[][] } {
  const heads = range(0, shape.heads * shape.group).map((h) => {
    const rows = randomRows(2 * shape.d, shape.d, 40 + h).map((row) => row.map((x, i) => size * (x + (i % 3))));
    const { mean, covariance } = queryMoments(rows);
    return { mean: mean.map(Math.fround), covariance: covariance.map(Math.fround) };
  });
  return {
    mean: group(heads.map(({ mean }) => mean), shape.group),
    covariance: group(heads.map(({ covariance }) => covariance), shape.group),
  };
}

Deno.test("expected_score equals the reference with and without a covariance", () => {
  for (const shape of shapes()) {
    const cache = new TestCache(shape);
    const { mean, covariance } = moments(shape, .7);
    for (const spread of [null, covariance]) {
      for (const max of [false, true]) {
        for (const [first, scored] of [[0, shape.n], [4, shape.n], [0, Math.ceil(shape.n / 2)]] as const) {
          if (first >= shape.n) continue;
          const wanted = cache.k.map((k, h) =>
            expectedScore(mean[h]!, spread?.[h] ?? null, k, first, max ? "max" : "mean").slice(0, scored)
          );
          everywhere(
            (on) => expectedScores(cache, mean, spread, { first, max, scored }, on),
            wanted,
            EXPONENTS,
            `${named(shape)}, ${max ? "max" : "mean"}, ${spread ? "" : "no "}covariance, slots ${first} to ${scored}`,
          );
        }
      }
    }
  }
});

Deno.test("expected_score gives 0 to slots before the first, also when that is all of them", () => {
  const shape = { kv: "bf16" as const, n: 9, d: 8, group: 2, heads: 2 };
  const { mean, covariance } = moments(shape, 1);
  for (const level of LEVELS) {
    const found = expectedScores(new TestCache(shape), mean, covariance, { first: 20 }, { level });
    assert.deepEqual(found, range(0, 2).map(() => new Float64Array(9)));
  }
});

Deno.test("hand-checked: expected weights of three keys", () => {
  const row = (...x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);
  const keys = [row(9, 9), row(1, 0), row(0, 1), row(0, 2)];
  // Mean: z = ln 2 for (1, 0). Variance of dim 1: z = 16 ln 3 / (2 * 8) = ln 3 for (0, 1) and 4 ln 3 for (0, 2).
  const mean = row(Math.sqrt(8) * Math.log(2)).map(Math.fround);
  const covariance = new Float64Array(64);
  covariance[9] = Math.fround(16 * Math.log(3));
  const alone = [Float64Array.of(0, 2 / 4, 1 / 4, 1 / 4)], both = [Float64Array.of(0, 2 / 86, 3 / 86, 81 / 86)];
  assert(largestError([expectedScore([mean], null, keys, 1)], alone) < 1e-6);
  assert(largestError([expectedScore([mean], [covariance], keys, 1)], both) < 1e-6);
  const cache = new TestCache({ kv: "f32", n: 4, d: 8, group: 1, keys });
  for (const level of LEVELS) {
    assert(largestError(expectedScores(cache, [[mean]], null, { first: 1 }, { level }), alone) < 1e-6);
    assert(largestError(expectedScores(cache, [[mean]], [[covariance]], { first: 1 }, { level }), both) < 1e-6);
  }
});

/** The columns of every query head of W_o [dim, heads * d]. */
function columns(wo: Float64Array, heads: number, d: number): Float64Array[] {
  const dim = wo.length / (heads * d);
  return range(0, heads).map((head) =>
    Float64Array.from({ length: dim * d }, (_, at) => wo[Math.floor(at / d) * heads * d + head * d + at % d]!)
  );
}

function checkNorms(
  shape: CacheOptions & { group: number; heads: number },
  dtype: typeof DTYPES[number],
  dim: number,
): void {
  const { d, n, heads } = shape, width = heads * shape.group * d;
  const bytes = randomWeights(dtype, dim * width, d);
  const slices = group(columns(dequantize(dtype, bytes), heads * shape.group, d) as Row[], shape.group);
  const cache = new TestCache(shape);
  for (const scored of new Set([n, Math.ceil(n / 2)])) {
    const wanted = cache.v.map((v, h) => outputNorms(v.slice(0, scored), slices[h]!));
    everywhere(
      (on) => outputNormsOf(cache, { dtype, dim, bytes }, scored, on),
      wanted,
      F32,
      `${named(shape)}, ${dtype} [${dim}, ${width}]`,
    );
  }
}

Deno.test("output_norms equals the reference for every shape", () => {
  for (const shape of shapes()) checkNorms(shape, "f32", 37);
});

Deno.test("output_norms unpacks weights of every type, also where a head is less than a block", () => {
  for (const dtype of DTYPES) {
    checkNorms({ kv: "bf16", n: 40, d: 64, group: 2, heads: 2 }, dtype, 70);
    checkNorms({ kv: "f32", n: 40, d: 8, group: 4, heads: 8 }, dtype, 3);
    if (blockElements(dtype) <= 32) checkNorms({ kv: "f32", n: 40, d: 80, group: 1, heads: 2 }, dtype, 64);
  }
});

Deno.test("hand-checked: output norms of two query heads", () => {
  const row = (...x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);
  // Two output rows: head 0 takes v0 and v1 - v0, head 1 -2 v1 and nothing.
  const wo = new Float64Array(32);
  wo[0] = 1, wo[9] = -2, wo[16] = -1, wo[17] = 1;
  const v = [row(3, 1), row(0, -1), row()];
  const wanted = [Float64Array.of((3 + 2 + 2) / 2, (0 + 1 + 2) / 2, 0)];
  assert.deepEqual(outputNorms(v, columns(wo, 2, 8)), wanted[0]);
  const cache = new TestCache({ kv: "bf16", n: 3, d: 8, group: 2 });
  cache.v[0] = v;
  const bytes = new Uint8Array(Float32Array.from(wo).buffer);
  for (const level of LEVELS) {
    assert.deepEqual(outputNormsOf(cache, { dtype: "f32", dim: 2, bytes }, 3, { level }), wanted);
  }
});

Deno.test("block_scores multiplies the means of blocks and hides later keys", () => {
  for (const kv of KV_TYPES) {
    for (const d of HEAD_DIMS) {
      for (const [n, first] of [[1, 0], [64, 0], [65, 64], [200, 0], [130, 320], [10, 8512]] as const) {
        if (first > 1000 && d > 16) continue;
        const shape = { kv, n: first + n, d, group: 2, heads: 2, seed: n, runs: [n, first] };
        const cache = new TestCache(shape);
        const q = group(randomRows(n * 4, d, d), 4);
        const wanted = range(0, 4).map((h) => blockScores(q.map((row) => row[h]!), cache.k[Math.floor(h / 2)]!, first));
        for (const level of LEVELS) {
          const found = blockScoresOf(cache, q, first, { level });
          found.flat().forEach((row, i) =>
            row.forEach((x, j) => assert.equal(x === -Infinity, wanted.flat()[i]![j] === -Infinity))
          );
          const finite = (rows: Row[][]) => rows.flat().map((row) => row.map((x) => x === -Infinity ? 0 : x));
          const error = largestError(finite(found), finite(wanted)) / largest(finite(wanted));
          assert(error < F32, `${named(shape)}, first ${first}, level ${level}: error ${error}`);
          assert.deepEqual(blockScoresOf(cache, q, first, { level, threads: 3 }), found);
        }
      }
    }
  }
});

Deno.test("hand-checked: a block of queries meets two blocks of keys", () => {
  const row = (...x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);
  // Keys: block 0 has the mean (1, 0), block 1 of four keys (0, 2). Queries of block 1: the mean is (5, 3).
  const keys = range(0, 68).map((i) => i < 64 ? row(i % 2 * 2) : row(0, i === 64 ? 8 : 0));
  const q = [row(5, 0), row(5, 6), row(4, 3), row(6, 3)];
  const wanted = [Float64Array.of(5, 6)];
  assert.deepEqual(blockScores(q, keys, 64), wanted);
  const cache = new TestCache({ kv: "f32", n: 68, d: 8, group: 1, keys });
  for (const level of LEVELS) assert.deepEqual(blockScoresOf(cache, q.map((x) => [x]), 64, { level }), [wanted]);
});
