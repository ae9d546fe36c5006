import assert from "node:assert/strict";
import { attend } from "../reference/attention.ts";
import { range, type Row } from "../reference/ops.ts";
import { random, randomRows } from "../reference/random.ts";
import { attendListed, attendPrefill, type Listed } from "../support/attention.ts";
import { BF16_LEVEL, KV_TYPES, largestError, LEVELS, TestCache } from "../support/test_cache.ts";

// As in attend_prefill: f32 sums, or queries and weights rounded to bf16.
const tolerance = (level: number, kv: string) => level === BF16_LEVEL && kv === "bf16" ? 2e-2 : 2e-5;

function queries(cache: TestCache, tokens: number): Row[][] {
  const perToken = cache.heads * cache.group;
  const rows = randomRows(tokens * perToken, cache.d, 9);
  return range(0, tokens).map((t) => rows.slice(t * perToken, (t + 1) * perToken));
}

/** Every query head in blocks of `block` rows, each with about `share` of the slots. */
function blocks(cache: TestCache, tokens: number, block: number, share: number, seed = 1): Listed[] {
  const next = random(seed);
  return range(0, cache.heads * cache.group).flatMap((head) =>
    range(0, Math.ceil(tokens / block)).map((i) => ({
      head,
      first: i * block,
      n: Math.min(block, tokens - i * block),
      slots: range(0, cache.n).filter(() => next() < share),
    }))
  );
}

/** What the definition says: zero where nothing is seen, NaN where nobody asked. */
function expected(cache: TestCache, q: Row[][], items: readonly Listed[]): Row[][] {
  const out = q.map((token): Row[] => token.map((row) => new Float64Array(row.length).fill(NaN)));
  for (const { head, first, n, slots } of items) {
    for (const token of range(first, first + n)) {
      const self = cache.n - q.length + token, seen = slots.filter((s) => s <= self);
      const kv = Math.floor(head / cache.group), row = q[token]![head]!;
      out[token]![head] = seen.length > 0 ? attend(row, cache.k[kv]!, cache.v[kv]!, seen) : row.map(() => 0);
    }
  }
  return out;
}

function check(cache: TestCache, tokens: number, items: readonly Listed[]): void {
  const q = queries(cache, tokens), wanted = expected(cache, q, items).flat();
  const asked = wanted.map((row) => !Number.isNaN(row[0]!));
  for (const level of LEVELS) {
    const found = attendListed(cache, q, items, { level, threads: 2 }).flat();
    const error = largestError(found.filter((_, i) => asked[i]), wanted.filter((_, i) => asked[i]));
    assert(error < tolerance(level, cache.kv), `level ${level}, ${tokens} of ${cache.n}: error ${error}`);
    assert(found.every((row, i) => asked[i] || row.every(Number.isNaN)));
    const blind = wanted.map((row) => row.every((x) => x === 0));
    assert(found.every((row, i) => !blind[i] || row.every((x) => x === 0)));
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`attend_listed equals the reference for every head dim and group, ${kv}`, () => {
    for (const d of [8, 16, 64, 80, 128]) {
      for (const group of [1, 2, 3, 4, 8]) {
        const cache = new TestCache({ kv, n: 150, d, group, seed: d });
        check(cache, 9, blocks(cache, 9, 64, .3));
      }
    }
  });

  Deno.test(`attend_listed equals the reference at awkward lengths, ${kv}`, () => {
    for (const n of [1, 2, 63, 64, 65, 129]) {
      for (const past of [0, 1, 127, 130]) {
        const cache = new TestCache({ kv, n: past + n, d: 16, group: 2, seed: n });
        for (const share of [.02, .5, 1]) check(cache, n, blocks(cache, n, 64, share, n));
        check(cache, n, blocks(cache, n, 150, .9, n)); // more rows in an item than a task takes
      }
    }
  });

  Deno.test(`attend_listed reads a cache in pieces and leaves other rows alone, ${kv}`, () => {
    for (const runs of [[1, 299], [127, 1, 172], [0, 3, 0, 290, 7, 0]]) {
      const cache = new TestCache({ kv, n: 300, d: 64, group: 2, heads: 2, runs });
      check(cache, 140, blocks(cache, 140, 32, .6).filter((_, i) => i % 3 !== 1));
    }
  });

  Deno.test(`a list of everything gives the bits of attend_prefill, whatever threads and items, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 333, d: 80, group: 3, heads: 2, runs: [100, 233] });
    const q = queries(cache, 150);
    for (const level of LEVELS) {
      const dense = attendPrefill(cache, q, 0, { level });
      for (const block of [1, 64, 70, 150]) {
        for (const threads of [1, 2, 3]) {
          assert.deepEqual(attendListed(cache, q, blocks(cache, 150, block, 1), { level, threads }), dense);
        }
      }
    }
  });

  Deno.test(`attend_listed sees in quantised runs what their codes stand for, ${kv}`, () => {
    const codes = { bits: 4, group: 16, runs: 1 } as const;
    const cache = new TestCache({ kv, n: 200, d: 64, group: 2, runs: [160, 40], codes });
    const q = queries(cache, 70), items = blocks(cache, 70, 64, .5);
    for (const level of LEVELS) {
      assert.deepEqual(attendListed(cache, q, items, { level }), attendListed(cache.plain(), q, items, { level }));
    }
  });
}

Deno.test("rows that see nothing are zero, also beside rows that do", () => {
  for (const kv of KV_TYPES) {
    const cache = new TestCache({ kv, n: 70, d: 8, group: 1 });
    const items = [{ head: 0, first: 0, n: 70, slots: [40, 41, 69] }];
    check(cache, 70, items);
    check(cache, 70, [{ head: 0, first: 0, n: 70, slots: [] }]);
    const found = attendListed(cache, queries(cache, 70), items, {});
    assert(found.slice(0, 40).every(([row]) => row!.every((x) => x === 0)));
    assert(largestError([found[40]![0]!], [cache.v[0]![40]!]) < 1e-6); // the only one it sees
  }
});
