/** What a plan will cost, predicted from its numbers: memory, and bytes read per decode step. */

import type { Plan } from "./plan.ts";

/** The numbers of a model that costs depend on; a `ModelConfig` has them. */
export interface ModelShape {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Tokens a query may look back, itself included; 0 = all. */
  readonly slidingWindow: number;
}

/** Bytes that one decode step reads of the cache, all layers. */
export interface StepRead {
  /** To choose: page bounds or keys. */
  readonly scoreBytes: number;
  /** K and V of what is attended. */
  readonly attendBytes: number;
}

/** Numbers without a suffix are tokens of one KV head in a layer that is not left dense. */
export interface PlanCost {
  /** Prompt tokens that a KV head can attend to after compression. */
  readonly kept: number;
  /** The same with all new tokens cached. */
  readonly capacity: number;
  /** Pages at capacity, 0 without page selection. */
  readonly pages: number;
  /** Tokens attended at capacity. */
  readonly attended: number;
  /** K and V of all layers at capacity. */
  readonly kvBytes: number;
  /** Page bounds of all layers at capacity. */
  readonly boundsBytes: number;
  /** Index lists of what may be attended, where the history is kept. */
  readonly indexBytes: number;
  /** Reads of the first step after the prompt, and of the last one. */
  readonly first: StepRead;
  readonly last: StepRead;
  /** Most K and V alive at once while the prompt is prefilled and compressed layer by layer. */
  readonly prefillPeakBytes: number;
}

/**
 * Predict a plan's cost for one sequence.
 *
 * Reads are counted once per KV head, for all query heads of its group. An oracle is charged what it really reads: all
 * keys to score and, per query head, at most one list of tokens each. With a sliding window, tokens outside it are
 * stored but not read.
 *
 * @param bytesPerElement  Of K, V and bounds: 2 for bf16, 4 for f32.
 */
export function planCost(
  plan: Plan,
  shape: ModelShape,
  promptTokens: number,
  newTokens: number,
  bytesPerElement: number,
): PlanCost {
  const row = shape.headDim * bytesPerElement;
  const denseLayers = Math.min(plan.denseLayers, shape.nLayers);
  const sparseLayers = shape.nLayers - denseLayers;
  const perLayer = (denseBytes: number, sparseBytes: number) =>
    shape.nKvHeads * (denseLayers * denseBytes + sparseLayers * sparseBytes);

  const kept = plan.evict === "none" ? promptTokens : Math.min(plan.keep, promptTokens);
  const limit = plan.stepKeep > 0 ? plan.stepKeep : Infinity;
  const capacity = Math.min(kept + newTokens, limit);
  const stored = plan.keepHistory ? promptTokens : kept;
  const pages = plan.select === "pages" ? Math.ceil(capacity / plan.pageSize) : 0;

  const read = (steps: number): StepRead => {
    const dense = stepRead({ ...plan, select: "all" }, shape, promptTokens + steps, row);
    const sparse = stepRead(plan, shape, Math.min(kept + steps, limit), row);
    return {
      scoreBytes: perLayer(0, sparse.scoreBytes),
      attendBytes: perLayer(dense.attendBytes, sparse.attendBytes),
    };
  };
  const layerBytes = 2 * row * shape.nKvHeads * promptTokens;
  const storedBytes = perLayer(2 * row * promptTokens, 2 * row * stored);
  return {
    kept,
    capacity,
    pages,
    attended: stepRead(plan, shape, capacity, row).attendBytes / (2 * row),
    kvBytes: perLayer(2 * row * (promptTokens + newTokens), 2 * row * Math.min(stored + newTokens, limit)),
    boundsBytes: perLayer(0, 2 * row * pages),
    indexBytes: plan.keepHistory && kept < promptTokens ? perLayer(0, 4 * capacity) : 0,
    first: read(1),
    last: read(newTokens),
    // The last layer is full while its survivors are copied out of it; nothing is copied when nothing is dropped.
    prefillPeakBytes: storedBytes + (stored < promptTokens && sparseLayers > 0 ? layerBytes : 0),
  };
}

/** Reads of one KV head that can attend to `candidates` tokens, the current one included. */
function stepRead(plan: Plan, shape: ModelShape, candidates: number, row: number): StepRead {
  const live = shape.slidingWindow > 0 ? Math.min(candidates, shape.slidingWindow) : candidates;
  if (plan.select === "all" || live <= plan.topK) return { scoreBytes: 0, attendBytes: 2 * row * live };
  if (plan.select === "exact") {
    const lists = plan.rank === "per_head" ? shape.nHeads / shape.nKvHeads : 1;
    return { scoreBytes: row * live, attendBytes: 2 * row * Math.min(live, lists * plan.topK) };
  }
  const planes = plan.sign === "head" ? 2 : 1;
  const scoreRow = row / shape.headDim * plan.queryDims * planes;
  const spare = plan.wholePages ? (plan.topK - plan.pinSinks - plan.pinRecent) % plan.pageSize : 0;
  return {
    scoreBytes: scoreRow * Math.ceil(live / plan.pageSize),
    attendBytes: 2 * row * (plan.topK - spare),
  };
}
