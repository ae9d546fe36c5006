import assert from "node:assert/strict";
import { vote as referenceVote } from "../reference/attention.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { keepBest, vote } from "../support/cache_ops.ts";
import { KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";

// Votes are sums of up to window * group weights between 0 and 1, in f32: relative to the largest of them.
const F32 = 1e-5;

/** Queries [heads][window][group]. */
function windows(cache: TestCache, window: number, seed = 5): Row[][][] {
  return range(0, cache.heads).map((head) => {
    const rows = randomRows(window * cache.group, cache.d, seed + head);
    return range(0, window).map((i) => rows.slice(i * cache.group, (i + 1) * cache.group));
  });
}

function check(cache: TestCache, window: number, slidingWindow = 0, gap = 0): void {
  const q = windows(cache, window);
  const wanted = q.map((heads, h) => referenceVote(heads, cache.k[h]!, [...cache.positions], slidingWindow));
  const size = Math.max(1e-3, ...wanted.flatMap((row) => [...row]));
  for (const level of LEVELS) {
    const error = largestError(vote(cache, q, slidingWindow, gap, { level, threads: 2 }), wanted) / size;
    assert(error < F32, `level ${level}, ${window} of ${cache.n}, sliding ${slidingWindow}: error ${error}`);
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`vote equals the reference for every head dim and group, ${kv}`, () => {
    for (const d of [8, 24, 64, 80, 96, 128, 256]) {
      for (const group of [1, 2, 3, 4, 7, 8]) check(new TestCache({ kv, n: 70, d, group, seed: d }), 5);
    }
  });

  Deno.test(`vote equals the reference for every window and length, ${kv}`, () => {
    for (const window of [1, 2, 31, 32, 33, 128]) {
      for (const past of [0, 1, 31, 32, 33, 127, 128, 129, 600]) {
        check(new TestCache({ kv, n: past + window, d: 16, group: 3, heads: 2, seed: past }), window, 0, 24);
      }
    }
  });

  Deno.test(`vote honours a sliding window by positions, ${kv}`, () => {
    const gaps = range(0, 300).map((i) => 2 * i + (i > 150 ? 100 : 0));
    for (const positions of [range(0, 300), gaps]) {
      for (const slidingWindow of [1, 8, 20, 33, 200, 10_000]) {
        check(new TestCache({ kv, n: 300, d: 16, group: 2, positions, runs: [140, 160] }), 32, slidingWindow);
      }
    }
  });

  Deno.test(`vote gives the same bits whatever the threads, runs and other heads, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 2 });
    const q = windows(cache, 40);
    for (const level of LEVELS) {
      const once = vote(cache, q, 0, 0, { level, threads: 1 });
      for (const threads of [2, 3]) assert.deepEqual(vote(cache, q, 0, 0, { level, threads }), once);
      const cut = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 2, runs: [1, 511, 0, 1188] });
      assert.deepEqual(vote(cut, q, 0, 0, { level, threads: 2 }), once);
      const alone = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 1 });
      assert.deepEqual(vote(alone, [q[0]!], 0, 0, { level }), [once[0]]);
    }
  });
}

Deno.test("vector B: votes of two heads on one KV head, pooled and kept", () => {
  // d = 2 is padded to 8 with zeros, which longer queries make up for.
  const row = (x: number[], scale = 1) => Float64Array.from({ length: 8 }, (_, i) => scale * (x[i] ?? 0));
  const keys = [[1, 0], [0, 1], [2, 0], [0, -1], [1, 1], [0, 2]].map((k) => row(k));
  const q = [[[1, 0], [2, 0]], [[0, 1], [1, -1]]].map((heads) => heads.map((h) => row(h, 2)));
  const cache = new TestCache({ kv: "f32", n: 6, d: 8, group: 2, keys });
  for (const level of LEVELS) {
    const [votes] = vote(cache, [q], 0, 0, { level });
    assert(largestError([votes!], [Float64Array.of(.649488, .375158, 1.536767, .386158)]) < 1e-6);
    assert.deepEqual(keepBest([votes!], 2, 0, "max", 1), [[0, 2]]);
    // Pooled .649488 and three times 1.536767: of those the highest vote (2) and then .386158 (3).
    assert.deepEqual(keepBest([votes!], 2, 0, "max", 3), [[2, 3]]);
  }
});

Deno.test("zero queries spread one vote per row evenly over what they see", () => {
  const cache = new TestCache({ kv: "bf16", n: 10, d: 64, group: 2 });
  const zero = [range(0, 4).map(() => range(0, 2).map(() => new Float64Array(64)))];
  const share = 2 * (1 / 7 + 1 / 8 + 1 / 9 + 1 / 10);
  for (const level of LEVELS) {
    assert(largestError(vote(cache, zero, 0, 0, { level }), [new Float64Array(6).fill(share)]) < 1e-6);
  }
});

Deno.test("a key of 4 times a window query's direction survives among 64 of 4000", () => {
  const random = new TestCache({ kv: "bf16", n: 4000, d: 64, group: 1 });
  const q = windows(random, 32);
  const needle = q[0]![20]![0]!;
  const keys = random.k[0]!.map((row, i) => i === 1234 ? needle.map((x) => 4 * x) : row);
  const cache = new TestCache({ kv: "bf16", n: 4000, d: 64, group: 1, keys });
  for (const level of LEVELS) {
    assert(keepBest(vote(cache, q, 0, 0, { level }), 64, 0, "max", 63)[0]!.includes(1234));
  }
});
