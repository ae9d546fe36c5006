/** What plans will cost, predicted from their numbers: memory, and bytes read per decode step. */

import { type HeadCost, headCost } from "./head_cost.ts";
import { type KvFormat, rowBytes } from "./kv_format.ts";
import { DENSE, type LayerPlans, type Plan, planOfLayer } from "./plan.ts";

/** The numbers of a model that costs depend on; a `ModelConfig` has them. */
export interface ModelShape {
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Tokens a query may look back, itself included; 0 = all. */
  readonly slidingWindow: number;
}

/** One sequence: how long it is, and how its cache is stored. */
export interface CostInput {
  readonly shape: ModelShape;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly format: KvFormat;
}

/** Bytes that one decode step reads of the cache, all layers. */
export interface StepRead {
  /** To choose: page bounds, keys, or accumulated attention. */
  readonly scoreBytes: number;
  /** K and V of what is attended. */
  readonly attendBytes: number;
}

/** Tokens are means over all layers and KV heads, bytes are sums over them. */
export interface PlanCost {
  /** Prompt tokens that a query head can attend to after compression. */
  readonly kept: number;
  /** The same with all new tokens cached. */
  readonly capacity: number;
  /** Tokens that the last step attends to. */
  readonly attended: number;
  /** K and V at the end. */
  readonly kvBytes: number;
  /** Beside them at the end: page bounds, index lists, scores that go on with the cache, sums of values. */
  readonly boundsBytes: number;
  readonly indexBytes: number;
  readonly accumulatorBytes: number;
  readonly valueSumBytes: number;
  /** Reads of the first step after the prompt, and of the last one. */
  readonly first: StepRead;
  readonly last: StepRead;
  /** Most K and V alive at once while the prompt is prefilled and compressed layer by layer. */
  readonly prefillPeakBytes: number;
}

/**
 * Predict the cost of plans for one sequence.
 *
 * Reads are counted once per KV head for all query heads of its group; where every query head has a list of its own,
 * once per list. An oracle is charged what it really reads: all keys to score. With a sliding window, tokens outside it
 * are stored but not read. Budgets that are dealt out by score count with their mean.
 */
export function planCost(plans: LayerPlans, input: CostInput): PlanCost {
  const { nLayers, nKvHeads, headDim } = input.shape;
  const dense = headCost(DENSE, input);
  const totals = { ...NOTHING, promptBytes: 0 };
  let drops = false;
  const known = new Map<Plan, HeadCost>();
  for (let layer = 0; layer < nLayers; layer++) {
    const plan = planOfLayer(plans, layer);
    const own = known.get(plan) ?? headCost(plan, input);
    known.set(plan, own);
    const leftAlone = plan.denseHeads.length;
    add(totals, own, nKvHeads - leftAlone);
    add(totals, dense, leftAlone);
    drops ||= own.drops && leftAlone < nKvHeads;
  }
  const { promptBytes, kept, capacity, attended, ...bytes } = totals;
  const heads = nLayers * nKvHeads;
  // The last layer is full while its survivors are copied out of it; nothing is copied when nothing is dropped.
  const fullLayerBytes = rowBytes(input.format, headDim) * nKvHeads * input.promptTokens;
  return {
    ...bytes,
    kept: kept / heads,
    capacity: capacity / heads,
    attended: attended / heads,
    prefillPeakBytes: promptBytes + (drops ? fullLayerBytes : 0),
  };
}

/** Bytes beside K and V at the end. */
export function auxBytes(cost: PlanCost): number {
  return cost.boundsBytes + cost.indexBytes + cost.accumulatorBytes + cost.valueSumBytes;
}

/**
 * What a step reads, in tokens of K and V per KV head: to be compared with the token budget.
 *
 * @param format  Of the cache: the unit is a token that is not quantised.
 */
export function tokensRead({ scoreBytes, attendBytes }: StepRead, shape: ModelShape, format: KvFormat): number {
  return (scoreBytes + attendBytes) / (rowBytes(format, shape.headDim) * shape.nLayers * shape.nKvHeads);
}

const NOTHING = {
  kept: 0,
  capacity: 0,
  attended: 0,
  kvBytes: 0,
  boundsBytes: 0,
  indexBytes: 0,
  accumulatorBytes: 0,
  valueSumBytes: 0,
  first: { scoreBytes: 0, attendBytes: 0 },
  last: { scoreBytes: 0, attendBytes: 0 },
};

/** totals += count * one. */
function add(totals: Mutable<typeof NOTHING> & { promptBytes: number }, one: HeadCost, count: number): void {
  for (const name of ["first", "last"] as const) {
    totals[name] = {
      scoreBytes: totals[name].scoreBytes + count * one[name].scoreBytes,
      attendBytes: totals[name].attendBytes + count * one[name].attendBytes,
    };
  }
  for (const name of SUMMED) totals[name] += count * one[name];
}

const SUMMED = [
  "kept",
  "capacity",
  "attended",
  "kvBytes",
  "boundsBytes",
  "indexBytes",
  "accumulatorBytes",
  "valueSumBytes",
  "promptBytes",
] as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
