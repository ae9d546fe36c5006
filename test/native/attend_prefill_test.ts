import assert from "node:assert/strict";
import { attend } from "../reference/attention.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { attendPrefill } from "../support/attention.ts";
import { BF16_LEVEL, KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";

// f32: scores of up to 256 products and sums of weights, values of size 1 to 5.
const F32 = 2e-5;
// AVX512_BF16 rounds queries and weights to 8 bits: scores of size 1 to 5 move by about 2^-9, weights as much again.
const BF16 = 2e-2;
const tolerance = (level: number, kv: string) => level === BF16_LEVEL && kv === "bf16" ? BF16 : F32;

/** Queries [tokens][heads * group] of the last tokens. */
function queries(cache: TestCache, tokens: number, seed = 9): Row[][] {
  const perToken = cache.heads * cache.group;
  const rows = randomRows(tokens * perToken, cache.d, seed);
  return range(0, tokens).map((t) => rows.slice(t * perToken, (t + 1) * perToken));
}

/** What the reference says of tokens `which`. */
function expected(cache: TestCache, q: Row[][], slidingWindow: number, which: number[]): Row[] {
  return which.flatMap((token) => {
    const self = cache.n - q.length + token;
    const slots = range(0, self + 1).filter((s) =>
      slidingWindow === 0 || cache.positions[self]! - cache.positions[s]! < slidingWindow
    );
    return q[token]!.map((row, i) => {
      const head = Math.floor(i / cache.group);
      return attend(row, cache.k[head]!, cache.v[head]!, slots);
    });
  });
}

/** Compare tokens `which` (all by default) on every instruction set. */
function check(cache: TestCache, tokens: number, slidingWindow = 0, which = range(0, tokens)): void {
  const q = queries(cache, tokens);
  const wanted = expected(cache, q, slidingWindow, which);
  for (const level of LEVELS) {
    const found = attendPrefill(cache, q, slidingWindow, { level, threads: 2 });
    const error = largestError(which.flatMap((token) => found[token]!), wanted);
    assert(error < tolerance(level, cache.kv), `level ${level}, ${tokens} of ${cache.n}: error ${error}`);
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`attend_prefill equals the reference for every head dim and group, ${kv}`, async (t) => {
    for (const d of [8, 24, 64, 72, 80, 96, 128, 256]) {
      await t.step(`head dim ${d}`, () => {
        for (const group of [1, 2, 3, 4, 7, 8, 16]) {
          check(new TestCache({ kv, n: 140, d, group, seed: d }), 9);
        }
      });
    }
  });

  Deno.test(`attend_prefill equals the reference at awkward lengths, ${kv}`, async (t) => {
    for (const n of [1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257]) {
      await t.step(`${n} tokens`, () => {
        for (const past of [0, 1, 127, 130]) {
          check(new TestCache({ kv, n: past + n, d: 16, group: 3, heads: 2, seed: n }), n);
        }
      });
    }
  });

  Deno.test(`attend_prefill reads a cache in pieces, ${kv}`, () => {
    for (const runs of [[1, 199], [127, 1, 72], [128, 64, 8], [0, 3, 0, 190, 7, 0]]) {
      check(new TestCache({ kv, n: 200, d: 64, group: 2, heads: 2, runs }), 40);
    }
  });

  Deno.test(`attend_prefill honours a sliding window by positions, ${kv}`, () => {
    const gaps = range(0, 300).map((i) => 2 * i + (i > 150 ? 1000 : 0));
    for (const positions of [range(0, 300), gaps]) {
      for (const slidingWindow of [1, 2, 31, 128, 129, 1000]) {
        check(new TestCache({ kv, n: 300, d: 16, group: 3, positions, runs: [100, 200] }), 170, slidingWindow);
      }
    }
  });

  Deno.test(`attend_prefill gives the same bits whatever the threads, chunks and runs, ${kv}`, () => {
    for (const slidingWindow of [0, 50]) {
      for (const level of LEVELS) {
        const whole = new TestCache({ kv, n: 333, d: 24, group: 3, heads: 2 });
        const q = queries(whole, 150);
        const once = attendPrefill(whole, q, slidingWindow, { level, threads: 1 });
        for (const threads of [2, 3]) {
          assert.deepEqual(attendPrefill(whole, q, slidingWindow, { level, threads }), once);
        }
        const cut = new TestCache({ kv, n: 333, d: 24, group: 3, heads: 2, runs: [10, 123, 200] });
        assert.deepEqual(attendPrefill(cut, q, slidingWindow, { level }), once);
        const chunks = [1, 22, 37, 64, 26];
        let done = 0;
        for (const n of chunks) {
          const end = 333 - 150 + done + n;
          const part = new TestCache({ kv, n: 333, d: 24, group: 3, heads: 2 });
          const prefix = Object.assign(Object.create(TestCache.prototype), part, {
            n: end,
            runs: [end],
            positions: range(0, end),
            k: part.k.map((rows) => rows.slice(0, end)),
            v: part.v.map((rows) => rows.slice(0, end)),
          }) as TestCache;
          const found = attendPrefill(prefix, q.slice(done, done + n), slidingWindow, { level });
          assert.deepEqual(found, once.slice(done, done + n), `level ${level}, chunk at ${done}`);
          done += n;
        }
      }
    }
  });
}

Deno.test("attend_prefill takes a long cache in several phases", () => {
  // 8 heads of 256 dims in f32: 4 tiles of 128 keys fill the memory for packed tiles.
  const cache = new TestCache({ kv: "f32", n: 1100, d: 256, group: 1, heads: 8, runs: [700, 400] });
  check(cache, 70, 0, [0, 69]);
  check(cache, 70, 300, [0, 69]);
  check(cache, 600, 90, [0, 511, 599]);
});

Deno.test("attend_prefill is finite for zero queries and far apart scores", () => {
  for (const kv of KV_TYPES) {
    const cache = new TestCache({ kv, n: 70, d: 64, group: 2 });
    const q = queries(cache, 70).map((token) => token.map((row, i) => row.map((x) => i === 0 ? 0 : 100 * x)));
    for (const level of LEVELS) {
      const found = attendPrefill(cache, q, 0, { level });
      found.forEach((token, t) => {
        const mean = cache.v[0]![0]!.map((_, dim) =>
          range(0, t + 1).reduce((sum, s) => sum + cache.v[0]![s]![dim]!, 0) / (t + 1)
        );
        assert(largestError([token[0]!], [mean]) < tolerance(level, kv));
        assert(token[1]!.every(Number.isFinite));
      });
    }
  }
});
