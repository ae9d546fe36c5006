import assert from "node:assert/strict";
import { range } from "../reference/ops.ts";
import { random } from "../reference/random.ts";
import { KV_TYPES, type KvType, TestCache } from "../support/test_cache.ts";
import { type EvictOptions, evictStep, type Slots } from "../support/steps.ts";

/** Scores from a few values, so that ties are everywhere. */
function scores(n: number, seed: number, levels: number): number[] {
  const next = random(seed);
  return range(0, n).map(() => Math.floor(next() * levels) / 4);
}

/** Positions as swaps leave them. */
function shuffled(n: number, seed: number): number[] {
  const next = random(seed), positions = range(0, n).map((i) => 3 * i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [positions[i], positions[j]] = [positions[j]!, positions[i]!];
  }
  return positions;
}

/** What the definition says of one head: the last slot moves into the place of the worst, and its score becomes 0. */
function expected(cache: TestCache, head: number, score: number[], options: EvictOptions): Slots {
  const droppable = range(0, cache.n).filter((s) =>
    cache.positions[s]! >= options.sinks && cache.positions[s]! < options.newest
  );
  droppable.sort((a, b) => score[a]! - score[b]! || cache.positions[a]! - cache.positions[b]!);
  const worst = droppable[0] ?? cache.n - 1;
  const zeroed = (rows: readonly number[]) => droppable.length > 0 ? [...rows.slice(0, -1), 0] : [...rows];
  const moved = <T>(rows: readonly T[]): T[] => rows.map((row, s) => s === worst ? rows[cache.n - 1]! : row);
  return {
    k: moved(cache.k[head]!),
    v: moved(cache.v[head]!),
    positions: moved(cache.positions),
    score: options.movesScore ? zeroed(moved(score)) : score,
  };
}

function check(kv: KvType, n: number, d: number, options: EvictOptions, levels: number): void {
  const cache = new TestCache({ kv, n, d, group: 1, heads: 3, positions: shuffled(n, n + d), seed: n });
  const score = range(0, 3).map((h) => scores(n, 7 * n + h, levels));
  const wanted = range(0, 3).map((h) => expected(cache, h, score[options.shared === true ? 0 : h]!, options));
  for (const threads of [1, 2]) assert.deepEqual(evictStep(cache, score, { ...options, threads }), wanted);
}

for (const kv of KV_TYPES) {
  Deno.test(`evict_step drops the lowest score, among equals the oldest, ${kv}`, () => {
    for (const n of [1, 2, 3, 31, 32, 33, 200]) {
      for (const d of n === 33 ? [8, 64, 80, 128] : [16]) {
        for (const levels of [1, 3, 1000]) {
          for (const movesScore of [true, false]) {
            check(kv, n, d, { sinks: 0, newest: 3 * n, movesScore }, levels);
            check(kv, n, d, { sinks: 3, newest: 3 * n - 5, movesScore }, levels);
          }
        }
      }
    }
  });

  Deno.test(`evict_step drops the same slot of all heads that share scores, ${kv}`, () => {
    for (const levels of [1, 3, 1000]) {
      check(kv, 70, 64, { sinks: 12, newest: 180, movesScore: false, shared: true }, levels);
    }
  });
}

Deno.test("evict_step moves nothing when the last slot is the one to go, or none may go", () => {
  const cache = new TestCache({ kv: "bf16", n: 5, d: 8, group: 1 });
  const as = (options: Partial<EvictOptions>) =>
    evictStep(cache, [[4, 3, 2, 1, 0]], { sinks: 0, newest: 5, movesScore: true, ...options })[0]!;
  assert.deepEqual(as({}), expected(cache, 0, [4, 3, 2, 1, 0], { sinks: 0, newest: 5, movesScore: true }));
  assert.deepEqual(as({}).positions, [0, 1, 2, 3, 4]);
  assert.deepEqual(as({ sinks: 5 }).positions, [0, 1, 2, 3, 4]);
  assert.deepEqual(as({ newest: 0 }).k, cache.k[0]);
});

Deno.test("evict_step by hand: sinks and recents are safe, the last row fills the gap", () => {
  const cache = new TestCache({ kv: "f32", n: 6, d: 8, group: 1, positions: [0, 1, 9, 3, 7, 10] });
  const [head] = evictStep(cache, [[0, 5, 0, 2, 2, 1]], { sinks: 1, newest: 9, movesScore: true });
  assert.deepEqual(head!.positions, [0, 1, 9, 10, 7, 10]);
  assert.deepEqual(head!.score, [0, 5, 0, 1, 2, 0]);
  assert.deepEqual(head!.k[3], cache.k[0]![5]);
  assert.deepEqual(head!.v[3], cache.v[0]![5]);
});
