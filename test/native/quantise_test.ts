import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { codeKeys, codeValues } from "../reference/kivi.ts";
import { range, type Row } from "../reference/ops.ts";
import { random, randomRows } from "../reference/random.ts";
import { attendPrefill, decodeStep } from "../support/attention.ts";
import { buildBounds, emptyPlanes, gather, vote } from "../support/cache_ops.ts";
import {
  type CacheOptions,
  decode,
  encode,
  KV_TYPES,
  type KvType,
  LEVELS,
  rowsOf,
  TestCache,
} from "../support/test_cache.ts";
import { decodeRow, quantise } from "../support/steps.ts";

const BITS = [2, 4, 8] as const;

function rounded(rows: Row[], kv: KvType): Row[] {
  return rowsOf(decode(encode(rows, kv), kv), rows[0]!.length);
}

/** Codes and scales are the reference's, bit for bit. */
function check(kv: KvType, k: Row[], v: Row[], bits: number, group: number): void {
  const keys = codeKeys(k, bits, group), values = codeValues(v, bits, group);
  const wanted = {
    k: keys.flatMap((groups) => range(0, group).map((token) => groups.map((g) => g.codes[token]!))),
    v: values.map((groups) => groups.flatMap((g) => g.codes)),
    kScale: keys.flatMap((groups) => [...groups.map((g) => g.scale), ...groups.map((g) => g.min)]),
    vScale: values.flatMap((groups) => [...groups.map((g) => g.scale), ...groups.map((g) => g.min)]),
  };
  for (const level of LEVELS) {
    for (const threads of [1, 2]) assert.deepEqual(quantise(kv, k, v, bits, group, { level, threads }), wanted);
  }
}

for (const kv of KV_TYPES) {
  Deno.test(`quantise equals the reference for every width, group and head dim, ${kv}`, () => {
    for (const [d, groups] of [[8, [1, 2, 8]], [16, [16]], [64, [32, 64]], [80, [5, 16]], [128, [32, 128]]] as const) {
      for (const group of groups) {
        for (const bits of BITS) {
          const n = group * (group > 16 ? 3 : 17), seed = d + group + bits;
          const rows = (seed: number) => rounded(randomRows(n, d, seed), kv);
          check(kv, rows(seed), rows(seed + 1), bits, group);
        }
      }
    }
  });

  Deno.test(`quantise codes groups without a spread, and outliers, ${kv}`, () => {
    const rows = rounded(randomRows(32, 64, 3), kv);
    const odd = rows.map((row, i) =>
      row.map((x, dim) => dim < 8 ? 0 : dim < 16 ? 1.1 : dim < 24 ? 1 + 1e-9 * i : dim === 40 ? 900 * x : x)
    );
    for (const bits of BITS) check(kv, rounded(odd, kv), rounded(odd, kv), bits, 8);
  });

  Deno.test(`decoding a row gives code * scale + min, ${kv}`, () => {
    const next = random(5);
    for (const d of [8, 16, 24, 64, 80, 128, 256]) {
      for (const bits of BITS) {
        const codes = range(0, d).map(() => Math.floor(next() * 2 ** bits));
        const [scale, min] = randomRows(2, d, d).map((row) => Float64Array.from(new Float16Array(row)));
        const [wanted] = rounded([scale!.map((s, i) => codes[i]! * s + min![i]!)], kv);
        for (const level of LEVELS) assert.deepEqual(decodeRow(kv, codes, bits, scale!, min!, level), wanted);
      }
    }
  });

  Deno.test(`no element is further from what its code stands for than half a step, ${kv}`, () => {
    const cache = new TestCache({ kv, n: 96, d: 64, group: 1, codes: { bits: 4, group: 32, runs: 1 } });
    cache.k[0]!.forEach((row, token) =>
      row.forEach((x, dim) => {
        const from = token - token % 32, column = cache.exact.k[0]!.slice(from, from + 32).map((r) => r[dim]!);
        const low = Math.min(...column), high = Math.max(...column);
        // f16 scales and minima, and bf16 rows, are off by 2^-11 and 2^-9 of their size.
        const rounding = (Math.abs(low) + Math.abs(high)) * (2 ** -10 + (kv === "bf16" ? 2 ** -8 : 0));
        assert(Math.abs(x - cache.exact.k[0]![token]![dim]!) <= (high - low) / 15 / 2 + rounding);
      })
    );
    assert.notDeepEqual(cache.k, cache.exact.k);
  });
}

/** Caches with quantised runs, in whole and in part. */
function* coded(kv: KvType): Generator<TestCache> {
  const base: CacheOptions = { kv, n: 333, d: 64, group: 3, heads: 2 };
  const index = range(0, 333).filter((s) => s % 3 !== 1 || s > 300);
  for (const bits of BITS) {
    yield new TestCache({ ...base, runs: [256, 64, 0, 13], codes: { bits, group: 32, runs: 2 } });
    yield new TestCache({ ...base, runs: [160, 173], index, codes: { bits, group: 16, runs: 1 } });
  }
  yield new TestCache({ ...base, n: 40, d: 80, group: 1, codes: { bits: 4, group: 8, runs: 1 } });
  yield new TestCache({ ...base, n: 128, d: 8, group: 8, codes: { bits: 2, group: 4, runs: 1 } });
}

const PAGES: Plan = { ...DENSE, select: "pages", pageSize: 3, queryDims: 5, topK: 30 };
const EXACT: Plan = { ...DENSE, select: "exact", topK: 30 };

for (const kv of KV_TYPES) {
  Deno.test(`attend, select and bounds see in quantised runs what their codes stand for, bit for bit, ${kv}`, () => {
    for (const cache of coded(kv)) {
      const q = cache.queries(3), candidates = cache.index?.length ?? cache.n;
      for (const level of LEVELS) {
        for (const plan of [null, PAGES, EXACT, { ...EXACT, rank: "per_head" } as const]) {
          const { out, selected } = decodeStep(cache, q, plan, 2, { level, threads: 2 });
          const plain = decodeStep(cache.plain(), q, plan, 2, { level });
          assert.deepEqual({ out, selected }, { out: plain.out, selected: plain.selected });
        }
        const planes = [cache, cache.plain()].map((c) => {
          const planes = emptyPlanes(c, Math.ceil(candidates / 3));
          buildBounds(c, planes, 3, 0, { level, threads: 2 });
          return planes;
        });
        assert.deepEqual(planes[0], planes[1]);
      }
    }
  });

  Deno.test(`prefill, votes and gather see in quantised runs what their codes stand for, bit for bit, ${kv}`, () => {
    for (const cache of coded(kv)) {
      const rows = randomRows(9 * 2 * cache.group, cache.d, 4);
      const tokens = range(0, 9).map((t) => rows.slice(t * 2 * cache.group, (t + 1) * 2 * cache.group));
      const window = [0, 1].map((h) => tokens.map((row) => row.slice(h * cache.group, (h + 1) * cache.group)));
      const plain = cache.plain();
      for (const level of LEVELS) {
        const on = { level, threads: 2 };
        assert.deepEqual(attendPrefill(cache, tokens, 0, on), attendPrefill(plain, tokens, 0, on));
        assert.deepEqual(vote(cache, window, 0, 0, on), vote(plain, window, 0, 0, on));
      }
      const slots = range(0, cache.n).filter((s) => s % 7 !== 2);
      const { k, v } = gather(cache, slots, 2);
      assert.deepEqual(k, slots.map((s) => cache.k[0]![s]!));
      assert.deepEqual(v, slots.map((s) => cache.v[0]![s]!));
    }
  });

  Deno.test(`bytes of quantised rows count as they are stored, with their scales, ${kv}`, () => {
    const codes = { bits: 4, group: 32, runs: 1 } as const, size = kv === "f32" ? 4 : 2;
    const cache = new TestCache({ kv, n: 100, d: 64, group: 3, runs: [64, 36], codes });
    const coded = 64 * 4 / 8 + 4 * 64 / 32, plain = 64 * size;
    const q = cache.queries(1);
    const dense = decodeStep(cache, q, null, 10);
    assert.deepEqual(dense.attendBytes, [2 * (54 * coded + 36 * plain)]);
    for (const rank of ["softmax_mean", "per_head"] as const) {
      const { selected, scoreBytes, attendBytes } = decodeStep(cache, q, { ...EXACT, rank });
      const slots = [...new Set(selected[0]!.flat())], early = slots.filter((s) => s < 64).length;
      assert.deepEqual(scoreBytes, [64 * coded + 36 * plain]);
      assert.deepEqual(attendBytes, [2 * (early * coded + (slots.length - early) * plain)]);
    }
  });
}

Deno.test("quantise by hand: one group of K over four tokens, one of V over eight dims", () => {
  const k = [[0], [1], [2], [3]].map(([x]) => Float64Array.from({ length: 8 }, () => x!));
  const v = range(0, 4).map((i) => Float64Array.from({ length: 8 }, (_, dim) => i * dim));
  const found = quantise("f32", k, v, 2, 4, {});
  assert.deepEqual(found.k, [0, 1, 2, 3].map((code) => Array.from({ length: 8 }, () => code)));
  assert.deepEqual(found.kScale, [...range(0, 8).map(() => 1), ...range(0, 8).map(() => 0)]);
  assert.deepEqual(found.v, [[0, 0, 0, 0, 0, 0, 0, 0], ...range(1, 4).map(() => [0, 1, 2, 3, 0, 1, 2, 3])]);
  assert.deepEqual(found.vScale, [1, 1, 0, 0, 1, 1, 0, 4, 2, 2, 0, 8, 3, 3, 0, 12]);
});
