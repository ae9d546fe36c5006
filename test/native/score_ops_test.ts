import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { keyDiff, keyNorm, lagScore, randomScore, valueWeight } from "../reference/score.ts";
import { type CacheOptions, KV_TYPES, largestError, LEVELS, type Machine, TestCache } from "../support/test_cache.ts";
import { scoreKeys, sumValues, weighByValue } from "../support/score.ts";

// Sums over at most 256 dims in f32, of values around 1.
const F32 = 1e-5;

const HEAD_DIMS = [8, 16, 64, 80, 128];
const LENGTHS = [1, 31, 32, 33, 512, 1100];

const plan = (fields: Partial<Plan>): Plan => ({ ...DENSE, evict: "score", ...fields });
const row = (...x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);

/** Compare with `wanted` on every level, relative to its largest element; more threads and other runs give the same bits. */
function check(options: CacheOptions, call: (cache: TestCache, on: Machine) => Row[], wanted: Row[]): void {
  const cache = new TestCache(options);
  const size = Math.max(1, ...wanted.flatMap((x) => [...x].map(Math.abs)));
  for (const level of LEVELS) {
    const found = call(cache, { level, threads: 1 });
    const error = largestError(found, wanted) / size;
    assert(error < F32, `level ${level}, n ${options.n}, d ${options.d}: error ${error}`);
    assert.deepEqual(call(cache, { level, threads: 2 }), found, "more threads change the result");
    const third = Math.floor(options.n / 3);
    const cut = new TestCache({ ...options, runs: [third, 0, options.n - third] });
    assert.deepEqual(call(cut, { level, threads: 2 }), found, "the cut into runs changes the result");
  }
}

/** Caches of every dtype, head dim and length. */
function* shapes(): Generator<CacheOptions> {
  for (const kv of KV_TYPES) {
    for (const d of HEAD_DIMS) yield { kv, n: 70, d, group: 2, heads: 2, seed: d };
    for (const n of LENGTHS) yield { kv, n, d: 16, group: 1, heads: 3, seed: n };
  }
}

Deno.test("score_keys: key norms", () => {
  for (const shape of shapes()) {
    const { k } = new TestCache(shape);
    check(shape, (cache, on) => scoreKeys(cache, plan({ score: "key_norm" }), {}, on), k.map(keyNorm));
    const scored = Math.ceil(shape.n / 2);
    const some = k.map((rows) => keyNorm(rows).slice(0, scored));
    check(shape, (cache, on) => scoreKeys(cache, plan({ score: "key_norm" }), { scored }, on), some);
  }
});

Deno.test("score_keys: key differences, from the mean of all slots", () => {
  for (const shape of shapes()) {
    const { k } = new TestCache(shape);
    check(shape, (cache, on) => scoreKeys(cache, plan({ score: "key_diff" }), {}, on), k.map(keyDiff));
    const scored = Math.ceil(shape.n / 2);
    const some = k.map((rows) => keyDiff(rows).slice(0, scored));
    check(shape, (cache, on) => scoreKeys(cache, plan({ score: "key_diff" }), { scored }, on), some);
  }
});

Deno.test("hand-checked: norms and differences of four keys", () => {
  const keys = [row(3, 4), row(1, 0), row(0, 0), row(-2, 0)];
  const cache = new TestCache({ kv: "bf16", n: 4, d: 8, group: 1, keys });
  // Normalised (.6, .8), (1, 0), 0 and (-1, 0): their mean points to (.6, .8).
  const norms = [Float64Array.of(-5, -1, -0, -2)], differences = [Float64Array.of(-1, -.6, 0, .6)];
  assert.deepEqual(keyNorm(keys), norms[0]);
  assert(largestError([keyDiff(keys)], differences) < 1e-15);
  for (const level of LEVELS) {
    assert(largestError(scoreKeys(cache, plan({ score: "key_norm" }), {}, { level }), norms) < 1e-6);
    assert(largestError(scoreKeys(cache, plan({ score: "key_diff" }), {}, { level }), differences) < 1e-6);
    const zeros = new TestCache({ kv: "f32", n: 3, d: 8, group: 1, keys: [row(), row(), row()] });
    for (const score of ["key_norm", "key_diff"] as const) {
      assert(largestError(scoreKeys(zeros, plan({ score }), {}, { level }), [new Float64Array(3)]) === 0);
    }
  }
});

Deno.test("score_keys: LagKV ranks", () => {
  for (const kv of KV_TYPES) {
    for (const d of HEAD_DIMS) {
      for (
        const [n, sinks, lag] of [[70, 0, 16], [1, 0, 1], [70, 4, 1], [33, 1, 16], [32, 1, 16], [300, 4, 33]] as const
      ) {
        const shape = { kv, n, d, group: 2, heads: 2, seed: d + n };
        const { k, v } = new TestCache(shape);
        const wanted = k.map((rows, h) => lagScore(rows, v[h]!, sinks, lag));
        const how = plan({ score: "lag", sinks, lag });
        check(shape, (cache, on) => scoreKeys(cache, how, {}, on), wanted);
        const scored = n - Math.floor(n / 3);
        const some = wanted.map((x) => x.slice(0, scored));
        check(shape, (cache, on) => scoreKeys(cache, how, { scored }, on), some);
      }
    }
  }
});

Deno.test("hand-checked: LagKV ranks of two partitions", () => {
  // Dims 2 and up are constant in the second partition and say nothing; dims 0 and 1 range from 0 to 2 there.
  const next = [row(0, 2, 5), row(2, 0, 5), row(1, 1, 5)];
  // Relative values (1, 1), (4, 0), (2, 2) and zeros: token 1 stands out, token 0 least.
  const keys = [row(7), row(2, 2, 1), row(8, 0, 9), row(4, 4, 5), ...next, row(9)];
  const wanted = Float64Array.of(1, 0, 2 / 3, 1 / 3, 1, 1, 1, 1);
  assert.deepEqual(lagScore(keys, keys, 1, 3), wanted);
  // One partition only, or not even that: the more recent the better.
  const recent = Float64Array.from(keys, (_, i) => i / 8);
  assert.deepEqual(lagScore(keys, keys, 3, 3), recent);
  const cache = new TestCache({ kv: "f32", n: 8, d: 8, group: 1, keys });
  cache.v[0] = cache.k[0]!;
  for (const level of LEVELS) {
    const ranks = (sinks: number, lag = 3) => scoreKeys(cache, plan({ score: "lag", sinks, lag }), {}, { level });
    assert(largestError(ranks(1), [wanted]) < 1e-7);
    assert(largestError(ranks(3), [recent]) < 1e-7);
    assert(largestError(ranks(12), [recent]) < 1e-7);
    assert(largestError(ranks(0, 100), [recent]) < 1e-7);
  }
});

Deno.test("LagKV: of equal tokens the earlier one ranks higher", () => {
  const keys = range(0, 8).map((i) => row(i < 4 ? 1 : i));
  const cache = new TestCache({ kv: "f32", n: 8, d: 8, group: 1, keys });
  cache.v[0] = cache.k[0]!;
  const wanted = Float64Array.of(.75, .5, .25, 0, 1, 1, 1, 1);
  assert.deepEqual(lagScore(keys, keys, 0, 4), wanted);
  for (const level of LEVELS) {
    assert.deepEqual(scoreKeys(cache, plan({ score: "lag", lag: 4 }), {}, { level }), [wanted]);
  }
});

Deno.test("score_keys: random scores are the reference's to the last bit", () => {
  const positions = range(0, 700).map((i) => 3 * i);
  const cache = new TestCache({ kv: "bf16", n: 700, d: 8, group: 1, heads: 2, positions, runs: [5, 0, 600, 95] });
  for (const seed of [0, 1, 0xffffffff]) {
    for (const [layer, firstHead] of [[0, 0], [7, 3]] as const) {
      const wanted = [0, 1].map((h) => randomScore(seed, layer, firstHead + h, positions).slice(0, 690));
      const how = plan({ score: "random", seed });
      assert.deepEqual(scoreKeys(cache, how, { layer, firstHead, scored: 690 }, { threads: 2 }), wanted);
    }
  }
});

Deno.test("random scores are spread evenly and differ by seed, layer, head and position", () => {
  const positions = range(0, 20_000);
  const draws = [[1, 0, 0], [2, 0, 0], [1, 1, 0], [1, 0, 1]].map(([seed, layer, head]) =>
    randomScore(seed!, layer!, head!, positions)
  );
  for (const draw of draws) {
    // 16 bins of 1250 +- 34: five standard deviations.
    const bins = new Uint32Array(16);
    draw.forEach((x) => bins[Math.floor(x * 16)]! += 1);
    assert(bins.every((count) => Math.abs(count - 1250) < 170), bins.join());
    for (const other of draws) {
      const same = draw.filter((x, i) => x === other[i]).length;
      assert(draw === other || same < 5);
    }
  }
});

Deno.test("weigh_by_value multiplies by the length of V", () => {
  for (const shape of shapes()) {
    const { v } = new TestCache(shape);
    for (const [scored, epsilon] of [[shape.n, 0], [Math.ceil(shape.n / 2), .25]] as const) {
      const score = randomRows(3, scored, 9).slice(0, shape.heads!);
      const wanted = score.map((x, h) => valueWeight(x, v[h]!, epsilon));
      check(shape, (cache, on) => weighByValue(cache, score, epsilon, on), wanted);
    }
  }
  // (.5 + .5) * |(3, 4)| and (1 + .5) * 0
  assert.deepEqual(valueWeight(Float64Array.of(.5, 1), [row(3, 4), row()], .5), Float64Array.of(5, 0));
});

Deno.test("sum_values adds up V over the candidates", () => {
  for (const shape of shapes()) {
    for (const index of [undefined, range(0, shape.n).filter((i) => i % 3 !== 1)]) {
      const options = index === undefined ? shape : { ...shape, index };
      const wanted = new TestCache(options).v.map((rows) =>
        (index ?? range(0, shape.n)).reduce(
          (sum, i) => sum.map((x, dim) => x + rows[i]![dim]!),
          new Float64Array(shape.d),
        )
      );
      check(options, sumValues, wanted);
    }
  }
});
