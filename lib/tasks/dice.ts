/** Choices that look random, are the same everywhere, and need no history: any sample can be made again alone. */

/**
 * A counter-based generator: Philox2x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Every
 * seed and label has a stream of its own.
 */
export class Dice {
  readonly #key: number;
  readonly #stream: number;
  #count = 0;

  /** @param label  What is decided, such as `niah/prose/number/4096/50/3/depths`. */
  constructor(seed: number, label: string) {
    this.#key = seed >>> 0;
    this.#stream = hash(label);
  }

  /** A whole number, 0 <= number < n. */
  below(n: number): number {
    const [word] = philox(this.#count++, this.#stream, this.#key);
    return Math.floor(word / 2 ** 32 * n);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** `count` different ones, in any order. */
  sample<T>(list: readonly T[], count: number): T[] {
    const left = [...list];
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0]!);
  }

  /** All of a list in any order. */
  shuffled<T>(list: readonly T[]): T[] {
    const all = [...list];
    for (let i = 0; i < all.length - 1; i++) {
      const j = i + this.below(all.length - i);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return all;
  }

  /** `n` digits, the first not zero. */
  digits(n: number): string {
    return Array.from({ length: n }, (_, i) => i === 0 ? 1 + this.below(9) : this.below(10)).join("");
  }
}

/** Two words of 32 bits for a counter of two words and a key of one. */
export function philox(counter: number, stream: number, key: number): [number, number] {
  let left = counter >>> 0, right = stream >>> 0;
  for (let round = 0; round < 10; round++) {
    const high = multiplyHigh(MULTIPLIER, left), low = Math.imul(MULTIPLIER, left) >>> 0;
    left = (high ^ key ^ right) >>> 0;
    right = low;
    key = (key + WEYL) >>> 0;
  }
  return [left, right];
}

const MULTIPLIER = 0xd256d193, WEYL = 0x9e3779b9;

/** The upper 32 bits of a product of two numbers below 2^32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 units, with the last bits spread over all. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
