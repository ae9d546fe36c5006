import type { ModelConfig } from "../model/types.ts";
import type { NativeSession } from "../native/session.ts";
import { type HeadReport, HeadTally, OverlapTally, UniqueTally } from "./tally.ts";
import { RankedWeights } from "./weights.ts";

/** One method: means over all layers and KV heads, and the heads themselves. */
export interface MethodReport extends Omit<HeadReport, "layer" | "kvHead"> {
  readonly method: string;
  /** Null for a method that has no budget. */
  readonly tokenBudget: number | null;
  /** [n_layers x n_kv_heads], the KV heads of one layer side by side. */
  readonly heads: readonly HeadReport[];
}

/** Everything that is summed up while several methods decode beside the full cache. */
export class Tallies {
  readonly overlap: OverlapTally;
  readonly unique: UniqueTally;
  /** [methods][n_layers x n_kv_heads] */
  readonly #heads: readonly (readonly HeadTally[])[];

  constructor(
    readonly config: ModelConfig,
    methods: number,
    { needle, topK }: { needle: readonly [number, number] | null; topK: number },
  ) {
    const { nLayers, nKvHeads } = config;
    this.overlap = new OverlapTally(methods);
    this.unique = new UniqueTally(topK);
    const slots = Array.from({ length: nLayers * nKvHeads }, (_, i) => i);
    this.#heads = Array.from(
      { length: methods },
      () => slots.map((i) => new HeadTally(Math.floor(i / nKvHeads), i % nKvHeads, needle)),
    );
  }

  /** Look at one layer of the step that the sessions have just decoded. */
  add(step: number, layer: number, full: NativeSession, methods: readonly NativeSession[]): void {
    const { nHeads, nKvHeads } = this.config;
    for (let head = 0; head < nHeads; head++) {
      const weights = new RankedWeights(full.weights(layer, head));
      const attended = methods.map((session) => session.selected(layer, head));
      const slot = layer * nKvHeads + Math.floor(head * nKvHeads / nHeads);
      this.unique.add(step, layer * nHeads + head, weights);
      this.overlap.add(attended);
      methods.forEach((session, i) => this.#heads[i]![slot]!.add(weights, session.cached(layer, head), attended[i]!));
    }
  }

  /** @param method  Its place among the methods. */
  report(method: number): Omit<MethodReport, "method" | "tokenBudget"> {
    const heads = this.#heads[method]!.map((tally) => tally.report());
    const mean = (value: (head: HeadReport) => number) =>
      heads.reduce((sum, head) => sum + value(head), 0) / heads.length;
    const hasNeedle = heads[0]!.needleCached !== null;
    return {
      mass: mean((head) => head.mass),
      recall: mean((head) => head.recall),
      attended: mean((head) => head.attended),
      needleCached: hasNeedle ? mean((head) => head.needleCached!) : null,
      needleAttended: hasNeedle ? mean((head) => head.needleAttended!) : null,
      heads,
    };
  }
}
