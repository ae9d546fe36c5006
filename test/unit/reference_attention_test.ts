import assert from "node:assert/strict";
import { DENSE, type Plan } from "../../lib/methods/plan.ts";
import { attend, keepBest, pageBounds, pool, type Row, selectTokens, vote } from "../reference/attention.ts";
import { dot, range, ranked, softmax } from "../reference/ops.ts";
import { randomRows } from "../reference/random.ts";

const rows = (...values: number[][]): Row[] => values.map((x) => Float64Array.from(x));

function close(actual: ArrayLike<number>, expected: number[], tolerance = 1e-6): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((x, i) => assert(Math.abs(actual[i]! - x) <= tolerance, `[${i}] is ${actual[i]}, expected ${x}`));
}

const pages = (numbers: Partial<Plan>): Plan => ({ ...DENSE, select: "pages", ...numbers });

// Vector A of stage 1: small enough to follow by eye.
const SCORES = [0, .1, .9, .2, 0, 0, .05, .3, 0, 0, .4, 0];

Deno.test("pool() with max takes the best neighbour and ignores what lies outside", () => {
  close(pool(SCORES, "max", 3), [.1, .9, .9, .9, .2, .05, .3, .3, .3, .4, .4, .4]);
  close(pool(SCORES, "max", 5), [.9, .9, .9, .9, .9, .3, .3, .3, .4, .4, .4, .4]);
  close(pool(SCORES, "max", 1), SCORES);
  close(pool([-2, -1], "max", 63), [-1, -1]);
});

Deno.test("pool() with avg divides by the width at the edges too", () => {
  close(pool([3, 6, 9], "avg", 3), [3, 6, 5]);
});

Deno.test("keepBest() keeps the best pooled scores and prefers the peak of a plateau", () => {
  assert.deepEqual(keepBest(SCORES, 3, 0, "max", 3), [1, 2, 3]);
  assert.deepEqual(keepBest(SCORES, 4, 0, "max", 3), [1, 2, 3, 10]);
  assert.deepEqual(keepBest(SCORES, 6, 0, "max", 3), [1, 2, 3, 9, 10, 11]);
  assert.deepEqual(keepBest(SCORES, 3, 0, "max", 5), [1, 2, 3]);
  assert.deepEqual(keepBest(SCORES, 5, 0, "max", 1), [1, 2, 3, 7, 10]);
  assert.deepEqual(keepBest(SCORES, 99, 0, "max", 3), range(0, 12));
});

Deno.test("keepBest() never loses a peak to its own plateau", () => {
  const score = new Float64Array(100);
  score[10] = 1;
  score[80] = .5;
  assert.deepEqual(keepBest(score, 20, 0, "max", 63), [...range(0, 20)]);
  assert(keepBest(score, 1, 0, "max", 63).includes(10));
  // The plateaus are 0..41 and 49..99: ties by position alone would fill up with 49..56 and lose the peak at 80.
  assert.deepEqual(keepBest(score, 50, 0, "max", 63), [...range(0, 42), ...range(49, 56), 80]);
});

Deno.test("keepBest() gives sinks their places first", () => {
  assert.deepEqual(keepBest(SCORES, 4, 2, "max", 1), [0, 1, 2, 10]);
});

// Vector B of stage 1: two query heads on one KV head, window 2.
Deno.test("vote() sums the window's weights over the group and drops the window's own keys", () => {
  const k = rows([1, 0], [0, 1], [2, 0], [0, -1], [1, 1], [0, 2]);
  const q = [rows([1, 0], [2, 0]), rows([0, 1], [1, -1])];
  const votes = vote(q, k, range(0, 6), 0);
  close(votes, [.649488, .375158, 1.536767, .386158]);
  close(pool(votes, "max", 3), [.649488, 1.536767, 1.536767, 1.536767]);
  // Of three equal pooled scores the peak (2) goes first, then the higher vote of its neighbours: 3 before 1.
  assert.deepEqual(keepBest(votes, 2, 0, "max", 3), [2, 3]);
});

Deno.test("vote() sees only what the sliding window shows", () => {
  const k = randomRows(6, 4, 1);
  const q = [randomRows(2, 4, 2)];
  const votes = vote(q, k, [0, 1, 2, 10, 11, 12], 3);
  close(votes.subarray(0, 3), [0, 0, 0]);
  const visible = rows(...k.slice(3).map((row) => [...row]));
  close(votes.subarray(3), [...vote(q, visible, range(0, 3), 0)], 1e-12);
});

Deno.test("vote() is uniform for zero queries", () => {
  close(vote([rows([0, 0])], randomRows(4, 2, 3), range(0, 4), 0), [.25, .25, .25]);
});

Deno.test("attend() weighs the chosen tokens only", () => {
  const k = rows([1, 0], [0, 1], [5, 5]);
  const v = rows([1, 0], [0, 1], [9, 9]);
  const [a, b] = softmax(Float64Array.of(Math.SQRT1_2, 0));
  close(attend(Float64Array.of(1, 0), k, v, [0, 1]), [a!, b!], 1e-12);
});

// Vector C of stage 2.
const C_KEYS = rows([1, 0, 2, -1], [0, 1, -1, 0], [2, -1, 0, 1], [-1, 2, 1, 0], [0, 0, 3, 1], [1, 1, -2, 0], [
  -2,
  0,
  1,
  2,
]);
const C_QUERIES = rows([2, -1, .5, 0], [1, .5, -3, .25]);

Deno.test("pageBounds() gives min and max of every page, the last one partial", () => {
  const { min, max } = pageBounds(C_KEYS, 3);
  assert.deepEqual(max, rows([2, 1, 2, 1], [1, 2, 3, 1], [-2, 0, 1, 2]));
  assert.deepEqual(min, rows([0, -1, -1, -1], [-1, 0, -2, 0], [-2, 0, 1, 2]));
});

Deno.test("pageBounds() bounds every true score of a page from above, whatever the order of its tokens", () => {
  const k = randomRows(50, 8, 12);
  const [q] = randomRows(1, 8, 13);
  const { min, max } = pageBounds(k, 7);
  k.forEach((key, s) => {
    const page = Math.floor(s / 7);
    const bound = q!.reduce((sum, x, i) => sum + Math.max(x * max[page]![i]!, x * min[page]![i]!), 0);
    assert(dot(q!, key) <= bound + 1e-12);
    assert(key.every((x, i) => min[page]![i]! <= x && x <= max[page]![i]!));
  });
  const shuffled = [...k.slice(0, 7).reverse(), ...k.slice(7)];
  assert.deepEqual(pageBounds(shuffled, 7), { min, max });
});

// Vector D: appending to C.
Deno.test("pageBounds() follows keys that are appended", () => {
  const keys = [...C_KEYS, ...rows([5, -5, 0, 0], [0, 9, -9, 0], [1, 1, 1, 1])];
  const at = (n: number) => {
    const { min, max } = pageBounds(keys.slice(0, n), 3);
    return [max.at(-1)!, min.at(-1)!];
  };
  assert.deepEqual(at(8), rows([5, 0, 1, 2], [-2, -5, 0, 0]));
  assert.deepEqual(at(9), rows([5, 9, 1, 2], [-2, -5, -9, 0]));
  assert.deepEqual(at(10), rows([1, 1, 1, 1], [1, 1, 1, 1]));
});

Deno.test("selectTokens() takes whole pages in order, then the lowest positions of the next", () => {
  const plan = pages({ pageSize: 3, queryDims: 2, topK: 4 });
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, plan), [[0, 1, 2, 3]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, wholePages: true }), [[0, 1, 2]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, topK: 2, wholePages: true }), [[0, 1]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, topK: 7 }), [range(0, 7)]);
  // Exact attention over the four: head a and head b.
  const identity = range(0, 7).map((i) => Float64Array.from({ length: 7 }, (_, j) => i === j ? 1 : 0));
  close(attend(C_QUERIES[0]!, C_KEYS, identity, [0, 1, 2, 3]), [.258903, .027288, .703770, .010039, 0, 0, 0]);
  close(attend(C_QUERIES[1]!, C_KEYS, identity, [0, 1, 2, 3]), [.008574, .681095, .283923, .026409, 0, 0, 0]);
});

Deno.test("selectTokens() keeps pins within top_k", () => {
  const plan = pages({ pageSize: 3, queryDims: 2, topK: 4, pinRecent: 1 });
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, plan), [[0, 1, 2, 6]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, pinSinks: 1 }), [[0, 1, 2, 6]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, topK: 2 }), [[0, 6]]);
  // After an eviction the first positions may be gone: then there is nothing to pin.
  const moved = range(5, 12);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, pinSinks: 2, topK: 1, pinRecent: 0 }, 0, moved), [[0]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, pinSinks: 6, topK: 2 }, 0, moved), [[0, 6]]);
});

Deno.test("selectTokens() leaves out what the sliding window hides", () => {
  const plan = pages({ pageSize: 3, queryDims: 2, topK: 2 });
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, plan, 2), [[2, 3]]);
  assert.deepEqual(selectTokens(C_QUERIES, C_KEYS, { ...plan, topK: 5 }, 2), [range(2, 7)]);
});

// Vector E: three heads, two pages of one token; the raw sums 30 and 26 prefer page 0, the mean of softmaxes page 1.
Deno.test("selectTokens() ranks by the mean of softmaxes unless told to sum scores", () => {
  const k = rows([1, 0], [0, 1]);
  const temperature = Math.SQRT2;
  const q = rows([30 * temperature, 10 * temperature], [0, 8 * temperature], [0, 8 * temperature]);
  const plan = pages({ pageSize: 1, queryDims: 2, topK: 1 });
  assert.deepEqual(selectTokens(q, k, plan), [[1]]);
  assert.deepEqual(selectTokens(q, k, { ...plan, rank: "logit_sum" }), [[0]]);
});

// Vector F: the bound is taken per dim; maxima of whole dot products would rank the pages differently.
Deno.test("selectTokens() bounds a page dim by dim", () => {
  const k = rows([1, 2, -1], [3, -2, 0], [0, 0, 4], [-1, 5, -3]);
  const plan = pages({ pageSize: 2, queryDims: 3, topK: 2 });
  assert.deepEqual(selectTokens(rows([1, -2, .5]), k, plan), [[0, 1]]);
});

// Vector G: a group sum of exactly zero picks the minimum.
Deno.test("selectTokens() reads the page minimum where the group's sum is zero", () => {
  // The heads pull to opposite ends, so the two outer pages win: by the minima 0, 5, -5, by the maxima 9, 6, -4.
  const q = rows([2, 0], [-2, 0]);
  const k = rows([9, 0], [0, 0], [6, 0], [5, 0], [-4, 0], [-5, 0]);
  const plan = pages({ pageSize: 2, queryDims: 1, topK: 4 });
  assert.deepEqual(selectTokens(q, k, plan), [[2, 3, 4, 5]]);
});

Deno.test("selectTokens() lets a head use its own sign when asked: Quest's bound", () => {
  // Head b disagrees with the group on dim 0, so the group's sign hides page 1 from it.
  const q = rows([1, 0], [-.9, 0]);
  const k = rows([1, 0], [1, 0], [.9, 0], [-9, 0]);
  const plan = pages({ pageSize: 2, queryDims: 1, topK: 2 });
  assert.deepEqual(selectTokens(q, k, plan), [[0, 1]]);
  assert.deepEqual(selectTokens(q, k, { ...plan, sign: "head" }), [[2, 3]]);
});

// H of stage 2, and acceptance test 2.
Deno.test("selectTokens() with one token a page and all dims is the exact top-k of a single head", () => {
  const k = randomRows(50, 8, 4);
  const q = randomRows(1, 8, 5);
  const best = ranked(k.map((key) => dot(q[0]!, key))).slice(0, 7).sort((a, b) => a - b);
  assert.deepEqual(selectTokens(q, k, pages({ pageSize: 1, queryDims: 8, topK: 7 })), [best]);
  assert.deepEqual(selectTokens(q, k, { ...DENSE, select: "exact", topK: 7 }), [best]);
});

Deno.test("selectTokens() per head gives every head its own exact top-k", () => {
  const k = randomRows(50, 8, 6);
  const q = randomRows(3, 8, 7);
  const plan: Plan = { ...DENSE, select: "exact", rank: "per_head", topK: 5 };
  assert.deepEqual(
    selectTokens(q, k, plan),
    q.map((head) => ranked(k.map((key) => dot(head, key))).slice(0, 5).sort((a, b) => a - b)),
  );
  assert.deepEqual(selectTokens(q, k, { ...plan, topK: 50 }), [range(0, 50), range(0, 50), range(0, 50)]);
});

// I of stage 2.
Deno.test("selectTokens() is uniform, not NaN, for a zero query", () => {
  const k = randomRows(9, 4, 8);
  const zero = rows([0, 0, 0, 0]);
  assert.deepEqual(selectTokens(zero, k, pages({ pageSize: 2, queryDims: 2, topK: 3 })), [[0, 1, 2]]);
  // A zero head beside another one leaves the choice to that one.
  const [one] = randomRows(1, 4, 9);
  const plan = pages({ pageSize: 2, queryDims: 2, topK: 3 });
  assert.deepEqual(selectTokens([zero[0]!, one!], k, plan), selectTokens([one!], k, plan));
});

Deno.test("selectTokens() does not depend on the order of heads in a group, nor on their common scale", () => {
  const k = randomRows(60, 8, 10);
  const q = randomRows(4, 8, 11);
  const plan = pages({ pageSize: 3, queryDims: 4, topK: 10 });
  const chosen = selectTokens(q, k, plan);
  assert.deepEqual(selectTokens([q[2]!, q[0]!, q[3]!, q[1]!], k, plan), chosen);
  const single = selectTokens([q[0]!], k, plan);
  assert.deepEqual(selectTokens([q[0]!.map((x) => 8 * x)], k, plan), single);
});

Deno.test("selectTokens() gives a page with more tokens more weight", () => {
  // Head a prefers the full page, head b the partial one by the same score: 3 tokens share a's weight, 1 gets all of b's.
  const k = rows([1, 0], [1, 0], [1, 0], [0, 1]);
  const q = rows([1, 0], [0, 1]);
  assert.deepEqual(selectTokens(q, k, pages({ pageSize: 3, queryDims: 2, topK: 1 })), [[3]]);
});
