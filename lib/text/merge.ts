/** The heart of byte-pair encoding: join the best neighbouring pair until no pair is left. */

import type { PairTable } from "./pair_table.ts";

/** Positions fit below this in a key of the queue, ranks above: keys stay exact below 2^53. */
const POSITIONS = 2 ** 26;

/**
 * Joins symbols pair by pair, lowest rank first, leftmost first among equals: O(n log n) in the number of symbols.
 *
 * A queue holds one key, rank and position, for every pair that was a neighbour once. A key whose rank is no longer
 * that of its position is stale and skipped. The scratch space is kept between calls; one Merger serves one caller at a time.
 */
export class Merger {
  readonly #pairs: PairTable;
  readonly #queue = new KeyQueue();
  /** Per position: neighbours, rank of the pair that starts here (-1: none) and what it joins to. */
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  #rank = new Int32Array(0);
  #joined = new Int32Array(0);

  constructor(pairs: PairTable) {
    this.#pairs = pairs;
  }

  /** Token ids of a word. @param symbols Its characters or bytes as token ids, at most 2^26; overwritten. */
  merge(symbols: number[]): number[] {
    const n = symbols.length;
    if (n < 2) return symbols;
    this.#reserve(n);
    for (let i = 0; i < n; i++) {
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
    for (let i = 0; i < n; i++) this.#offer(i, symbols);
    for (let key = this.#queue.pop(); key >= 0; key = this.#queue.pop()) {
      const rank = Math.floor(key / POSITIONS);
      const i = key - rank * POSITIONS;
      if (this.#rank[i] !== rank) continue;
      const swallowed = this.#next[i]!;
      const next = this.#next[swallowed]!;
      symbols[i] = this.#joined[i]!;
      this.#rank[swallowed] = -1;
      this.#next[i] = next;
      if (next < n) this.#previous[next] = i;
      this.#offer(i, symbols);
      const previous = this.#previous[i]!;
      if (previous >= 0) this.#offer(previous, symbols);
    }
    const merged: number[] = [];
    for (let i = 0; i < n; i = this.#next[i]!) merged.push(symbols[i]!);
    return merged;
  }

  /** Look up the pair that starts at position i and queue it. */
  #offer(i: number, symbols: readonly number[]): void {
    const next = this.#next[i]!;
    if (next >= symbols.length) {
      this.#rank[i] = -1;
      return;
    }
    const place = this.#pairs.find(symbols[i]!, symbols[next]!);
    const rank = this.#pairs.rankAt(place);
    this.#rank[i] = rank;
    if (rank < 0) return;
    this.#joined[i] = this.#pairs.idAt(place);
    this.#queue.push(rank * POSITIONS + i);
  }

  #reserve(n: number): void {
    if (this.#next.length >= n) return;
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(n)));
    this.#next = new Int32Array(size);
    this.#previous = new Int32Array(size);
    this.#rank = new Int32Array(size);
    this.#joined = new Int32Array(size);
  }
}

/** Binary min-heap of non-negative numbers. */
class KeyQueue {
  readonly #keys: number[] = [];

  push(key: number): void {
    const keys = this.#keys;
    let at = keys.push(key) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** Removes the smallest key; -1 when there is none. */
  pop(): number {
    const keys = this.#keys;
    if (keys.length === 0) return -1;
    const smallest = keys[0]!;
    const last = keys.pop()!;
    const n = keys.length;
    if (n === 0) return smallest;
    let at = 0;
    for (let child = 1; child < n; child = 2 * at + 1) {
      if (child + 1 < n && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= last) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = last;
    return smallest;
  }
}
