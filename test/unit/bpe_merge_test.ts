import assert from "node:assert/strict";
import { Merger } from "../../lib/text/merge.ts";
import { type Join, joinByMerges, joinByScores, type JoinRule, PairTable } from "../../lib/text/pair_table.ts";
import { TokenKind, Vocabulary } from "../../lib/text/vocabulary.ts";

/** Small deterministic generator: whole numbers from 0 to n - 1. */
function randomIntegers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
}

/** The textbook loop: scan for the best pair, leftmost first, join it, start again. */
function mergeByScanning(symbols: readonly number[], rule: JoinRule): number[] {
  const word = [...symbols];
  for (;;) {
    let best: (Join & { at: number }) | null = null;
    for (let at = 0; at + 1 < word.length; at++) {
      const join = rule(word[at]!, word[at + 1]!);
      if (join !== null && (best === null || join.rank < best.rank)) best = { ...join, at };
    }
    if (best === null) return word;
    word.splice(best.at, 2, best.id);
  }
}

/** A vocabulary of four letters and random concatenations of its own tokens, each with a rank from a small range. */
function randomRule(seed: number): JoinRule {
  const random = randomIntegers(seed);
  const joins = new Map<string, Join>();
  for (let id = 4; id < 40; id++) joins.set(`${random(id)},${random(id)}`, { rank: random(12), id });
  return (left, right) => joins.get(`${left},${right}`) ?? null;
}

Deno.test("Merger.merge() joins as the textbook loop does, whatever the ranks", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const rule = randomRule(seed);
    const merger = new Merger(new PairTable(rule));
    const random = randomIntegers(1000 + seed);
    for (const length of [0, 1, 2, 3, 17, 120]) {
      const word = Array.from({ length }, () => random(4));
      assert.deepEqual(merger.merge([...word]), mergeByScanning(word, rule), `seed ${seed}, word ${word}`);
    }
  }
});

Deno.test("PairTable asks its rule once per pair while there is room", () => {
  let asked = 0;
  const table = new PairTable((left, right) => {
    asked++;
    return left < right ? { rank: left, id: right } : null;
  });
  for (let round = 0; round < 2; round++) {
    for (let left = 0; left < 150; left++) {
      for (let right = 0; right < 150; right++) {
        const place = table.find(left, right);
        assert.equal(table.rankAt(place), left < right ? left : -1);
        if (left < right) assert.equal(table.idAt(place), right);
      }
    }
  }
  assert.equal(asked, 150 * 150);
});

Deno.test("PairTable starts over at its largest size and still answers right", () => {
  let asked = 0;
  const table = new PairTable((left, right) => ({ rank: left * 1000 + right, id: asked++ }), 1 << 14);
  for (let left = 0; left < 200; left++) {
    for (let right = 0; right < 200; right++) assert.equal(table.rankAt(table.find(left, right)), left * 1000 + right);
  }
  assert.equal(table.rankAt(table.find(0, 0)), 0);
  assert(asked > 200 * 200, "the first pair was forgotten and asked again");
});

Deno.test("joinByMerges() ranks by place in the list and ignores what the vocabulary lacks", () => {
  const vocabulary = new Vocabulary(["a", "b", "ab", "ba"], new Uint8Array(4).fill(TokenKind.normal));
  const rule = joinByMerges(["b a", "a b", "a b", "ab ab"], vocabulary);
  assert.deepEqual(rule(0, 1), { rank: 1, id: 2 });
  assert.deepEqual(rule(1, 0), { rank: 0, id: 3 });
  assert.equal(rule(0, 0), null);
  assert.equal(rule(2, 2), null);
});

Deno.test("joinByScores() prefers higher scores, shares ranks among equal ones and never makes a control token", () => {
  const pieces = ["a", "b", "c", "ab", "bc", "ca", "cc"];
  const kinds = new Uint8Array(pieces.length).fill(TokenKind.normal);
  kinds[6] = TokenKind.control;
  const rule = joinByScores([-9, -9, -9, -1, -2, -1, -1], new Vocabulary(pieces, kinds));
  const [ab, bc, ca] = [rule(0, 1), rule(1, 2), rule(2, 0)];
  assert.equal(ab?.id, 3);
  assert.equal(ab?.rank, ca?.rank);
  assert(ab!.rank < bc!.rank);
  assert.equal(rule(2, 2), null);
});
