/** Which neighbouring symbols join to which token, and in what order. */

import { TokenKind, type Vocabulary } from "./vocabulary.ts";

/** How two tokens join: pairs of a lower rank first. */
export interface Join {
  readonly rank: number;
  readonly id: number;
}

/** The join of two tokens, or null where they stay apart. */
export type JoinRule = (left: number, right: number) => Join | null;

const FREE = -1;
const FIRST_SLOTS = 1 << 14;
const MOST_SLOTS = 1 << 20;

/**
 * What a rule answered, remembered in an open-addressing hash table of id pairs.
 *
 * Looking a pair up in the rule means building and hashing a string. A text has few distinct pairs, a vocabulary has
 * hundreds of thousands: to resolve them on demand keeps both start-up and long texts fast.
 */
export class PairTable {
  readonly #rule: JoinRule;
  readonly #mostSlots: number;
  #used = 0;
  /** Four numbers a slot: left id, right id, rank (-1: they stay apart), id of the joined token. */
  #slots = new Int32Array(4 * FIRST_SLOTS).fill(FREE);

  /** @param mostSlots A power of two: the table never takes more than 16 bytes times this. */
  constructor(rule: JoinRule, mostSlots = MOST_SLOTS) {
    this.#rule = rule;
    this.#mostSlots = mostSlots;
  }

  /** Place of a pair for rankAt() and idAt(); it holds until the next call. */
  find(left: number, right: number): number {
    const at = this.#probe(left, right);
    return this.#slots[at] === FREE ? this.#remember(left, right) : at;
  }

  /** Rank of the pair found, -1 where the two stay apart. */
  rankAt(place: number): number {
    return this.#slots[place + 2]!;
  }

  idAt(place: number): number {
    return this.#slots[place + 3]!;
  }

  #probe(left: number, right: number): number {
    const slots = this.#slots;
    const mask = slots.length / 4 - 1;
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    for (let i = (hash ^ (hash >>> 15)) & mask;; i = (i + 1) & mask) {
      const at = 4 * i;
      if (slots[at] === FREE || (slots[at] === left && slots[at + 1] === right)) return at;
    }
  }

  #remember(left: number, right: number): number {
    if (8 * this.#used >= this.#slots.length) this.#makeRoom();
    const at = this.#probe(left, right);
    const join = this.#rule(left, right);
    this.#slots.set([left, right, join?.rank ?? -1, join?.id ?? -1], at);
    this.#used++;
    return at;
  }

  /** Doubles the table; at its largest it starts over, which only costs the rule to be asked again. */
  #makeRoom(): void {
    const old = this.#slots;
    const slots = Math.min(old.length / 2, this.#mostSlots);
    const keep = slots > old.length / 4;
    this.#slots = new Int32Array(4 * slots).fill(FREE);
    this.#used = keep ? this.#used : 0;
    for (let at = 0; keep && at < old.length; at += 4) {
      if (old[at] !== FREE) this.#slots.set(old.subarray(at, at + 4), this.#probe(old[at]!, old[at + 1]!));
    }
  }
}

/** The rule of a merge list: best pair first, each written "left right". */
export function joinByMerges(merges: readonly string[], vocabulary: Vocabulary): JoinRule {
  const ranks = new Map<string, number>();
  for (let rank = merges.length - 1; rank >= 0; rank--) ranks.set(merges[rank]!, rank);
  const { pieces } = vocabulary;
  return (left, right) => {
    const rank = ranks.get(`${pieces[left]} ${pieces[right]}`);
    const id = rank === undefined ? undefined : vocabulary.idOf(`${pieces[left]}${pieces[right]}`);
    return rank === undefined || id === undefined ? null : { rank, id };
  };
}

/**
 * The rule of a SentencePiece vocabulary, which has scores instead of merges: two tokens join where their pieces make
 * the piece of a third one, the highest score first. Tokens of equal score share a rank, so the leftmost pair wins.
 */
export function joinByScores(scores: readonly number[], vocabulary: Vocabulary): JoinRule {
  const { pieces, kinds } = vocabulary;
  const ascending = Float64Array.from(scores).sort();
  const rankOfScore = new Map<number, number>();
  ascending.forEach((score, i) => rankOfScore.set(score, ascending.length - 1 - i));
  return (left, right) => {
    const id = vocabulary.idOf(`${pieces[left]}${pieces[right]}`);
    if (id === undefined || (kinds[id] !== TokenKind.normal && kinds[id] !== TokenKind.user)) return null;
    return { rank: rankOfScore.get(scores[id]!)!, id };
  };
}
