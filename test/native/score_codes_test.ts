import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { range, type Row } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";
import { KV_TYPES, type KvType, LEVELS, type Machine, TestCache } from "../support/test_cache.ts";
import { randomWeights } from "../support/linear.ts";
import {
  blockScoresOf,
  expectedScores,
  outputNormsOf,
  scoreKeys,
  sumValues,
  voteSums,
  weighByValue,
} from "../support/score.ts";

/** Caches whose first runs are quantised, with several splits and partitions. */
function* coded(kv: KvType): Generator<TestCache> {
  for (const bits of [2, 4, 8] as const) {
    const codes = { bits, group: 16, runs: 2 };
    yield new TestCache({ kv, n: 701, d: 64, group: 2, heads: 2, runs: [480, 160, 0, 61], codes });
  }
  yield new TestCache({ kv, n: 48, d: 80, group: 2, heads: 1, codes: { bits: 4, group: 8, runs: 1 } });
}

/** Every op that scores what is cached. */
const OPS: Record<string, (cache: TestCache, on: Machine) => unknown> = {
  vote: (cache, on) => {
    const q = range(0, cache.heads).map((h) => range(0, 9).map((i) => randomRows(cache.group, cache.d, 10 * h + i)));
    return voteSums(cache, q, { sum: "head", diagonals: true }, on);
  },
  key_norm: (cache, on) => scoreKeys(cache, keyPlan({ score: "key_norm" }), {}, on),
  key_diff: (cache, on) => scoreKeys(cache, keyPlan({ score: "key_diff" }), {}, on),
  lag: (cache, on) => scoreKeys(cache, keyPlan({ score: "lag", sinks: 3, lag: 20 }), {}, on),
  expected_score: (cache, on) => {
    const rows = (length: number): Row[][] => range(0, cache.heads).map((h) => randomRows(cache.group, length, h));
    return expectedScores(cache, rows(cache.d), rows(cache.d ** 2), { first: 2 }, on);
  },
  weigh_by_value: (cache, on) => weighByValue(cache, randomRows(cache.heads, cache.n, 2), .5, on),
  sum_values: (cache, on) => sumValues(cache, on),
  output_norms: (cache, on) => {
    const dim = 30, bytes = randomWeights("q8_0", dim * cache.heads * cache.group * cache.d, 1);
    return outputNormsOf(cache, { dtype: "q8_0", dim, bytes }, cache.n, on);
  },
  block_scores: (cache, on) => {
    const first = Math.floor((cache.n - 1) / 64) * 64, heads = cache.heads * cache.group;
    const q = range(first, cache.n).map((i) => randomRows(heads, cache.d, i));
    return blockScoresOf(cache, q, first, on);
  },
};

function keyPlan(fields: Partial<Plan>): Plan {
  return { ...DENSE, evict: "score", ...fields };
}

const CACHES = KV_TYPES.flatMap((kv) => [...coded(kv)]);

for (const [name, op] of Object.entries(OPS)) {
  Deno.test(`${name} sees in quantised runs what their codes stand for, bit for bit`, () => {
    for (const cache of CACHES) {
      for (const level of LEVELS) assert.deepEqual(op(cache, { level, threads: 2 }), op(cache.plain(), { level }));
    }
  });
}
