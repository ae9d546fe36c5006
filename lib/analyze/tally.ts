/** Sums over decode steps and query heads, per method, layer and KV head. */
import { countWithin, jaccard, type RankedWeights } from "./weights.ts";

/** Means over the steps and the query heads of one KV head. Shares are from 0 to 1. */
export interface HeadReport {
  readonly layer: number;
  readonly kvHead: number;
  /** Attention mass of the full softmax on what was attended. */
  readonly mass: number;
  /** Share of the truly best tokens, as many as were attended, that were attended. */
  readonly recall: number;
  /** Tokens attended per step. */
  readonly attended: number;
  /** Share of the needle's tokens that could be attended, and that were; null without a needle. */
  readonly needleCached: number | null;
  readonly needleAttended: number | null;
}

class Mean {
  #sum = 0;
  #count = 0;
  add(value: number): void {
    this.#sum += value, this.#count++;
  }
  get value(): number {
    return this.#sum / this.#count;
  }
}

/** One KV head of one layer. */
export class HeadTally {
  readonly #mass = new Mean();
  readonly #recall = new Mean();
  readonly #attended = new Mean();
  readonly #needleCached = new Mean();
  readonly #needleAttended = new Mean();

  constructor(readonly layer: number, readonly kvHead: number, readonly needle: readonly [number, number] | null) {}

  /** One query head in one step: what it could attend to, and what it did; positions ascend. */
  add(full: RankedWeights, cached: Int32Array, attended: Int32Array): void {
    this.#mass.add(full.mass(attended));
    this.#recall.add(full.recall(attended));
    this.#attended.add(attended.length);
    if (this.needle === null) return;
    const length = this.needle[1] - this.needle[0];
    this.#needleCached.add(countWithin(cached, this.needle) / length);
    this.#needleAttended.add(countWithin(attended, this.needle) / length);
  }

  report(): HeadReport {
    return {
      layer: this.layer,
      kvHead: this.kvHead,
      mass: this.#mass.value,
      recall: this.#recall.value,
      attended: this.#attended.value,
      needleCached: this.needle && this.#needleCached.value,
      needleAttended: this.needle && this.#needleAttended.value,
    };
  }
}

/** Mean overlap of what every two methods attend to. */
export class OverlapTally {
  readonly #means: Mean[][];

  constructor(readonly methods: number) {
    this.#means = Array.from({ length: methods }, () => Array.from({ length: methods }, () => new Mean()));
  }

  /** @param attended  [methods] ascending positions of one query head in one step. */
  add(attended: readonly Int32Array[]): void {
    attended.forEach((a, i) => attended.forEach((b, j) => this.#means[i]![j]!.add(i === j ? 1 : jaccard(a, b))));
  }

  /** [methods][methods] */
  report(): number[][] {
    return this.#means.map((row) => row.map((mean) => mean.value));
  }
}

/** How many different tokens the true top-k of a query head has named so far, step by step (RocketKV paper, figure 2). */
export class UniqueTally {
  readonly #seen = new Map<number, Set<number>>();
  readonly #steps: Mean[] = [];

  constructor(readonly k: number) {}

  /** @param head  Number of the query head over all layers. */
  add(step: number, head: number, full: RankedWeights): void {
    const seen = this.#seen.get(head) ?? new Set();
    this.#seen.set(head, seen);
    for (const position of full.best(this.k)) seen.add(position);
    (this.#steps[step] ??= new Mean()).add(seen.size);
  }

  /** [steps] means over all query heads. */
  report(): number[] {
    return this.#steps.map((mean) => mean.value);
  }
}
