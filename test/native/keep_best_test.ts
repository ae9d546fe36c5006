import assert from "node:assert/strict";
import { keepBest as referenceKeepBest, pool as referencePool } from "../reference/attention.ts";
import { range, ranked } from "../reference/ops.ts";
import { random } from "../reference/random.ts";
import { keepBest } from "../support/cache_ops.ts";

/** f32 scores; with `levels` they take few values, so that ties are everywhere. */
function scores(n: number, seed: number, levels = 0): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: n }, () => levels > 0 ? Math.floor(next() * levels) / 4 : next());
}

Deno.test("keep_best equals the reference for every length, width and number", () => {
  for (const n of [1, 2, 3, 31, 32, 33, 62, 63, 64, 65, 126, 127, 200]) {
    for (const width of [1, 3, 5, 7, 63, 201, 1001]) {
      for (const keep of new Set([0, 1, Math.ceil(n / 3), n - 1, n])) {
        for (const sinks of [0, 1, 4]) {
          for (const levels of [0, 3]) {
            const score = scores(n, n * width + keep, levels);
            for (const pool of ["max", "avg"] as const) {
              const wanted = referenceKeepBest(score, keep, sinks, pool, width);
              assert.deepEqual(keepBest([score], keep, sinks, pool, width)[0], wanted, `${n} ${width} ${keep} ${pool}`);
            }
          }
        }
      }
    }
  }
});

Deno.test("keep_best treats heads one by one, whatever the threads", () => {
  const heads = range(0, 5).map((h) => scores(500, h, h % 2 === 0 ? 0 : 2));
  const wanted = heads.map((score) => referenceKeepBest(score, 77, 3, "max", 63));
  for (const threads of [1, 2, 3]) assert.deepEqual(keepBest(heads, 77, 3, "max", 63, threads), wanted);
});

Deno.test("vector A: pooled scores, then the vote, then the lower index", () => {
  const score = [0, .1, .9, .2, 0, 0, .05, .3, 0, 0, .4, 0];
  const keep = (n: number, width: number) => keepBest([score], n, 0, "max", width)[0];
  // Pooled by 3: .1 .9 .9 .9 .2 .05 .3 .3 .3 .4 .4 .4
  assert.deepEqual(keep(1, 3), [2]);
  assert.deepEqual(keep(3, 3), [1, 2, 3]);
  assert.deepEqual(keep(4, 3), [1, 2, 3, 10]); // of the three .4 the one whose vote it is
  assert.deepEqual(keep(6, 3), [1, 2, 3, 9, 10, 11]);
  // Pooled by 5: .9 x 5, .3 .3 .3, .4 x 4
  assert.deepEqual(keep(3, 5), [1, 2, 3]); // votes .1 .9 .2
  assert.deepEqual(keep(6, 5), [0, 1, 2, 3, 4, 10]);
  assert.deepEqual(keep(5, 1), [1, 2, 3, 7, 10]);
});

Deno.test("vector A3: a plateau is never kept without its peak", () => {
  const score = new Float32Array(100);
  score[10] = 1;
  score[80] = 0.5;
  // Pooled by 63: 1 on 0 to 41, 0 on 42 to 48, 0.5 on 49 to 99.
  const keep = (n: number) => keepBest([score], n, 0, "max", 63)[0]!;
  assert.deepEqual(keep(20), range(0, 20));
  assert.deepEqual(keep(1), [10]);
  assert.deepEqual(keep(50), [...range(0, 42), ...range(49, 56), 80]);
  assert.deepEqual(keep(94), [...range(0, 43), ...range(49, 100)]);
});

Deno.test("average pooling counts what lies outside as zeros", () => {
  // Sums of 3: 3 5 7 5 1; dividing by what is inside instead would put index 0 (1.5) before 4.
  assert.deepEqual(keepBest([[3, 0, 2, 5, 0]], 2, 0, "avg", 3)[0], [2, 3]);
  assert.deepEqual(keepBest([[3, 1, 1, 1, 1]], 1, 0, "avg", 3)[0], [1]);
});

Deno.test("sinks are kept although nobody votes for them", () => {
  const score = Float32Array.from({ length: 50 }, (_, i) => i);
  assert.deepEqual(keepBest([score], 6, 4, "max", 1)[0], [0, 1, 2, 3, 48, 49]);
  assert.deepEqual(keepBest([score], 3, 4, "max", 1)[0], [0, 1, 2]);
});

Deno.test("with ties by position a plateau is kept from its beginning, peak or not", () => {
  const score = [0, .1, .9, .2, 0, 0, .05, .3, 0, 0, .4, 0];
  // Pooled by 3: .1 .9 .9 .9 .2 .05 .3 .3 .3 .4 .4 .4
  const keep = (n: number, sinks = 0) => keepBest([score], n, sinks, "max", 3, 1, true)[0];
  assert.deepEqual(keep(1), [1]);
  assert.deepEqual(keep(4), [1, 2, 3, 9]);
  assert.deepEqual(keep(4, 1), [0, 1, 2, 3]);
  for (const [n, width, sinks] of [[33, 1, 0], [64, 5, 4], [200, 63, 0], [200, 7, 10]] as const) {
    const score = scores(n, n, 3);
    const others = ranked(referencePool(score, "max", width)).filter((i) => i >= sinks);
    for (const keep of [sinks, Math.ceil(n / 3), n]) {
      const wanted = [...range(0, sinks), ...others].slice(0, keep).sort((a, b) => a - b);
      assert.deepEqual(keepBest([score], keep, sinks, "max", width, 2, true)[0], wanted);
    }
  }
});
