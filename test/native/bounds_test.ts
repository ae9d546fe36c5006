import assert from "node:assert/strict";
import { pageBounds } from "../reference/attention.ts";
import { range } from "../reference/ops.ts";
import { buildBounds, emptyPlanes, gather, pagesOf } from "../support/cache_ops.ts";
import { type CacheOptions, KV_TYPES, LEVELS, TestCache } from "../support/test_cache.ts";

function expected(cache: TestCache, head: number, pageSize: number) {
  return pageBounds((cache.index ?? range(0, cache.n)).map((slot) => cache.k[head]![slot]!), pageSize);
}

function check(cache: TestCache, pageSize: number): void {
  const candidates = cache.index?.length ?? cache.n, pages = Math.ceil(candidates / pageSize);
  for (const level of LEVELS) {
    const planes = emptyPlanes(cache, pages + 3);
    const before = planes.bytes.slice();
    buildBounds(cache, planes, pageSize, 0, { level, threads: 2 });
    for (const head of range(0, cache.heads)) {
      assert.deepEqual(pagesOf(cache, planes, head, pages), expected(cache, head, pageSize));
      // Pages that are not live stay as they were.
      assert(pagesOf(cache, planes, head, pages + 3).max.slice(pages).every((row) => row.every(Number.isNaN)));
    }
    assert.notDeepEqual(planes.bytes, before);
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`page bounds equal the reference for every head dim, page size and length, ${kv}`, () => {
    for (const d of [8, 24, 64, 80, 96, 128, 256]) check(new TestCache({ kv, n: 100, d, group: 1, heads: 2 }), 3);
    for (const pageSize of [1, 2, 3, 4, 16, 33, 1000]) {
      for (const n of [1, 31, 32, 33, 64, 65, 96, 97, 98, 200]) {
        check(new TestCache({ kv, n, d: 16, group: 1, heads: 2, seed: n }), pageSize);
      }
    }
  });

  Deno.test(`page bounds follow index lists across pieces of a cache, ${kv}`, () => {
    const base: CacheOptions = { kv, n: 150, d: 24, group: 1, heads: 2, index: range(0, 150).filter((s) => s % 4 < 3) };
    for (const runs of [[150], [1, 149], [0, 70, 3, 77]]) check(new TestCache({ ...base, runs }), 3);
  });

  Deno.test(`bounds built token by token equal those built at once, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 110, d: 24, group: 1, heads: 2, runs: [100, 10] });
    const upTo = (n: number) => Object.assign(Object.create(TestCache.prototype), cache, { index: range(0, n) });
    for (const pageSize of [1, 3, 4, 40]) {
      const pages = Math.ceil(110 / pageSize), planes = emptyPlanes(cache, pages);
      buildBounds(upTo(97), planes, pageSize, 0);
      for (const n of range(98, 111)) {
        buildBounds(upTo(n), planes, pageSize, n - 1);
        for (const head of [0, 1]) {
          const live = Math.ceil(n / pageSize);
          assert.deepEqual(pagesOf(cache, planes, head, live), expected(upTo(n), head, pageSize));
        }
      }
    }
  });

  Deno.test(`gather copies rows and positions, ${kv}`, () => {
    const positions = range(0, 700).map((i) => 5 * i);
    for (const runs of [[700], [300, 0, 1, 399]]) {
      const cache = new TestCache({ kv, n: 700, d: 24, group: 1, positions, runs });
      for (const slots of [[0], [699], range(0, 700), range(0, 700).filter((s) => s % 2 === 1)]) {
        for (const threads of [1, 2]) {
          const { k, v, positions: found } = gather(cache, slots, threads);
          assert.deepEqual(k, slots.map((s) => cache.k[0]![s]!));
          assert.deepEqual(v, slots.map((s) => cache.v[0]![s]!));
          assert.deepEqual(found, slots.map((s) => 5 * s));
        }
      }
    }
  });
}

Deno.test("vector D: appending keys to pages", () => {
  const row = (x: number[]) => Float64Array.from({ length: 8 }, (_, i) => x[i] ?? 0);
  const keys = [
    ...[[1, 0, 2, -1], [0, 1, -1, 0], [2, -1, 0, 1], [-1, 2, 1, 0], [0, 0, 3, 1], [1, 1, -2, 0], [-2, 0, 1, 2]],
    ...[[5, -5, 0, 0], [0, 9, -9, 0], [1, 1, 1, 1]],
  ].map(row);
  const upTo = (n: number) => new TestCache({ kv: "bf16", n, d: 8, group: 1, keys: keys.slice(0, n) });
  const planes = emptyPlanes(upTo(10), 4);
  const append = (n: number, from: number) => {
    buildBounds(upTo(n), planes, 3, from);
    const { min, max } = pagesOf(upTo(n), planes, 0, 4);
    return (page: number) => [max[page]!, min[page]!];
  };
  const built = append(7, 0);
  assert.deepEqual(built(0), [row([2, 1, 2, 1]), row([0, -1, -1, -1])]);
  assert.deepEqual(built(1), [row([1, 2, 3, 1]), row([-1, 0, -2, 0])]);
  assert.deepEqual(built(2), [row([-2, 0, 1, 2]), row([-2, 0, 1, 2])]);
  assert.deepEqual(append(8, 7)(2), [row([5, 0, 1, 2]), row([-2, -5, 0, 0])]);
  assert.deepEqual(append(9, 8)(2), [row([5, 9, 1, 2]), row([-2, -5, -9, 0])]);
  assert.deepEqual(append(10, 9)(3), [row([1, 1, 1, 1]), row([1, 1, 1, 1])]);
});
