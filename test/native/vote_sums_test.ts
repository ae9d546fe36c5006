import assert from "node:assert/strict";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { agree, diagonals, votes } from "../reference/score.ts";
import { KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";
import { VOTE_SUMS, type VoteSumOptions, voteSums } from "../support/score.ts";

// Votes are sums of up to window * group weights between 0 and 1, in f32: relative to the largest of them.
const F32 = 1e-5;

/** Queries [heads][window][group]. */
function windows(cache: TestCache, window: number): Row[][][] {
  return range(0, cache.heads).map((head) => {
    const rows = randomRows(window * cache.group, cache.d, 5 + head);
    return range(0, window).map((i) => rows.slice(i * cache.group, (i + 1) * cache.group));
  });
}

const largest = (rows: readonly Row[]) => Math.max(1e-3, ...rows.flatMap((row) => [...row]));

function assertClose(found: Row[][], wanted: Row[][], what: string): void {
  const error = largestError(found.flat(), wanted.flat()) / largest(wanted.flat());
  assert(error < F32, `${what}: error ${error}`);
}

/** Every kind of sum, and the diagonals, on every level. */
function check(cache: TestCache, window: number, options: Omit<VoteSumOptions, "sum"> = {}): void {
  const { scored = cache.n, slidingWindow = 0 } = options;
  const q = windows(cache, window);
  const positions = [...cache.positions];
  const heads = q.map((rows, h) => votes(rows, cache.k[h]!, { scored, slidingWindow, positions }));
  const distances = q.map((rows, h) => diagonals(rows, cache.k[h]!, slidingWindow, positions));
  const wanted = {
    group: heads.map((rows) => [agree(rows, "sum")]),
    max: heads.map((rows) => [agree(rows, "max")]),
    head: heads,
  };
  for (const level of LEVELS) {
    for (const sum of VOTE_SUMS) {
      const what = `level ${level}, ${sum}, ${window} of ${cache.n}, ${scored} scored, sliding ${slidingWindow}`;
      const found = voteSums(cache, q, { ...options, sum, diagonals: sum !== "group" }, { level, threads: 2 });
      assertClose(found.score, wanted[sum], what);
      if (sum !== "group") assertClose(found.diagonals, distances, `${what}, diagonals`);
    }
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`votes of every kind equal the reference for every head dim and group, ${kv}`, () => {
    for (const d of [8, 16, 64, 80, 128]) {
      for (const group of [1, 2, 3, 4, 8]) check(new TestCache({ kv, n: 70, d, group, seed: d }), 5);
    }
  });

  Deno.test(`votes inside the window come from the rows that see a slot, ${kv}`, () => {
    for (const window of [1, 32, 33, 150]) {
      for (const past of [0, 1, 127, 300]) {
        const n = past + window;
        const cache = new TestCache({ kv, n, d: 16, group: 3, heads: 2, seed: past, runs: [1, 0, n - 1] });
        for (const scored of new Set([1, n - Math.ceil(window / 2), n])) {
          if (scored > 0) check(cache, window, { scored });
        }
      }
    }
  });

  Deno.test(`votes and diagonals honour a sliding window by positions, ${kv}`, () => {
    const gaps = range(0, 300).map((i) => 2 * i + (i > 150 ? 100 : 0));
    for (const positions of [range(0, 300), gaps]) {
      const cache = new TestCache({ kv, n: 300, d: 16, group: 2, positions, runs: [140, 160] });
      for (const slidingWindow of [1, 20, 33, 150, 10_000]) check(cache, 170, { slidingWindow });
    }
  });

  Deno.test(`votes of a whole prompt of several splits, ${kv}`, () => {
    check(new TestCache({ kv, n: 1100, d: 8, group: 1 }), 1100);
    check(new TestCache({ kv, n: 1300, d: 8, group: 2 }), 64);
  });

  Deno.test(`votes of every kind have the same bits whatever the threads, runs and other heads, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 2 });
    const cut = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 2, runs: [1, 511, 0, 1188] });
    const alone = new TestCache({ kv, n: 1700, d: 24, group: 3, heads: 1 });
    const q = windows(cache, 70);
    for (const level of LEVELS) {
      for (const sum of VOTE_SUMS) {
        const options = { sum, diagonals: true };
        const once = voteSums(cache, q, options, { level, threads: 1 });
        for (const threads of [2, 3]) assert.deepEqual(voteSums(cache, q, options, { level, threads }), once);
        assert.deepEqual(voteSums(cut, q, options, { level, threads: 2 }), once);
        const first = voteSums(alone, [q[0]!], options, { level });
        assert.deepEqual(first, { score: [once.score[0]], diagonals: [once.diagonals[0]] });
      }
    }
  });
}

Deno.test("votes are added to the scores that are there", () => {
  const cache = new TestCache({ kv: "f32", n: 200, d: 16, group: 2, heads: 2 });
  const q = windows(cache, 40);
  for (const level of LEVELS) {
    for (const sum of VOTE_SUMS) {
      const fresh = voteSums(cache, q, { sum, scored: 190 }, { level }).score;
      const before = fresh.map((rows) => rows.map((row) => row.map((_, i) => Math.fround(i / 10))));
      const wanted = fresh.map((rows) => rows.map((row) => row.map((x, i) => Math.fround(x + Math.fround(i / 10)))));
      assert.deepEqual(voteSums(cache, q, { sum, scored: 190, before }, { level, threads: 2 }).score, wanted);
    }
  }
});

Deno.test("hand-checked: two tokens vote on three keys", () => {
  // d = 8 and zeros elsewhere: scores are ln 2 or 0, so weights are thirds, quarters and fifths.
  const unit = Math.sqrt(8) * Math.log(2);
  const row = (...x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);
  const cache = new TestCache({ kv: "f32", n: 3, d: 8, group: 2, keys: [row(1, 0), row(0, 1), row(1, 1)] });
  const q = [[[row(unit, 0), row(0, 0)], [row(unit, 0), row(0, unit)]]];
  // Weights: token 1 (2/3, 1/3) and (1/2, 1/2), token 2 (2/5, 1/5, 2/5) and (1/5, 2/5, 2/5).
  const heads = [[2 / 3 + 2 / 5, 1 / 3 + 1 / 5, 2 / 5], [1 / 2 + 1 / 5, 1 / 2 + 2 / 5, 2 / 5]].map((x) =>
    Float64Array.from(x)
  );
  const distances = [[1 / 3 + 2 / 5, 2 / 3 + 1 / 5, 2 / 5], [1 / 2 + 2 / 5, 1 / 2 + 2 / 5, 1 / 5]].map((x) =>
    Float64Array.from(x)
  );
  const wanted = {
    group: [[heads[0]!.map((x, i) => x + heads[1]![i]!)]],
    max: [[Float64Array.of(2 / 3 + 2 / 5, 1 / 2 + 2 / 5, 2 / 5)]],
    head: [heads],
  };
  assert(largestError(votes(q[0]!, cache.k[0]!), heads) < 1e-6);
  assert(largestError(diagonals(q[0]!, cache.k[0]!), distances) < 1e-6);
  for (const level of LEVELS) {
    for (const sum of VOTE_SUMS) {
      const found = voteSums(cache, q, { sum, diagonals: true }, { level });
      assertClose(found.score, wanted[sum], sum);
      assertClose(found.diagonals, [distances], `${sum}, diagonals`);
    }
  }
});
