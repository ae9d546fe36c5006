/** What a selection is worth, judged by the full cache's softmax weights of one query head. */

/** Tokens of one query head in one step with their places in the order of weights. */
export class RankedWeights {
  readonly #rank: Int32Array;

  /** @param weights  f32 [n]: softmax weights of the full cache, by position. */
  constructor(readonly weights: Float32Array) {
    const n = weights.length;
    // Numbers sort ten times as fast without a function that compares them. So weight and position become one: the bits
    // of a float that is not negative are in the order of its values, and below 2^30 up to 1.
    const bits = new Uint32Array(weights.buffer, weights.byteOffset, n);
    const order = Float64Array.from(bits, (bit, position) => (2 ** 30 - bit) * n + position).sort();
    this.#rank = new Int32Array(n);
    order.forEach((key, rank) => this.#rank[key % n] = rank);
  }

  /** Attention mass on these positions: 1 for all of them. */
  mass(positions: Iterable<number>): number {
    let sum = 0;
    for (const position of positions) sum += this.weights[position]!;
    return sum;
  }

  /** Share of the truly best `positions.length` tokens that these positions hold. */
  recall(positions: ArrayLike<number>): number {
    const k = positions.length;
    if (k === 0) return 0;
    let hits = 0;
    for (let i = 0; i < k; i++) if (this.#rank[positions[i]!]! < k) hits++;
    return hits / k;
  }

  /** The k best positions, in no order. */
  best(k: number): number[] {
    const found: number[] = [];
    this.#rank.forEach((rank, position) => {
      if (rank < k) found.push(position);
    });
    return found;
  }
}

/** Shared positions over all positions of two ascending lists: 1 when they are the same, 0 without a common one. */
export function jaccard(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let i = 0, j = 0, common = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) common++, i++, j++;
    else if (a[i]! < b[j]!) i++;
    else j++;
  }
  const union = a.length + b.length - common;
  return union === 0 ? 1 : common / union;
}

/** How many of the ascending positions lie in [begin, end). */
export function countWithin(positions: ArrayLike<number>, [begin, end]: readonly [number, number]): number {
  let count = 0;
  for (let i = 0; i < positions.length; i++) if (positions[i]! >= begin && positions[i]! < end) count++;
  return count;
}
