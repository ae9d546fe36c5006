/** What plans will cost, predicted from their numbers: memory, and bytes read per decode step. */

import { cacheBytes, type KvFormat, rowBytes } from "./kv_format.ts";
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

/** The same of one KV head. */
interface HeadCost extends Omit<PlanCost, "prefillPeakBytes"> {
  /** K and V right after compression, and whether anything was dropped to get there. */
  readonly promptBytes: number;
  readonly drops: boolean;
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

/** One KV head that follows the plan. */
function headCost(plan: Plan, input: CostInput): HeadCost {
  const { shape: { nHeads, nKvHeads, headDim }, promptTokens, newTokens, format } = input;
  const row = rowBytes(format, headDim);
  const kept = plan.evict === "none" ? promptTokens : Math.min(plan.keep, promptTokens);
  const limit = plan.stepKeep > 0 ? plan.stepKeep : Infinity;
  const capacity = Math.min(kept + newTokens, limit);
  // Query heads that choose for themselves share rows; at worst they agree on nothing but the most recent tokens.
  const lists = plan.agree === "head" && kept < promptTokens ? nHeads / nKvHeads : 1;
  const stored = plan.keepHistory
    ? promptTokens
    : Math.min(promptTokens, lists * kept - (lists - 1) * (plan.sinks + plan.recent));
  const indexed = lists > 1 || (plan.keepHistory && kept < promptTokens);

  const step = (count: number) => {
    // By age a token is dropped before the step attends, by attention only afterwards.
    const room = plan.stepEvict === "oldest" ? limit : limit + 1;
    return readOf(plan, input, Math.min(kept + count, room), lists);
  };
  const last = step(newTokens);
  return {
    kept,
    capacity,
    attended: last.tokens,
    kvBytes: cacheBytes(format, headDim, Math.min(stored + newTokens, limit)),
    boundsBytes: plan.select === "pages" ? row * Math.ceil(capacity / plan.pageSize) : 0,
    indexBytes: indexed ? 4 * lists * capacity : 0,
    accumulatorBytes: plan.stepEvict === "attention" && plan.stepKeep > 0 ? 4 * capacity : 0,
    valueSumBytes: plan.meanValue ? 4 * headDim : 0,
    first: step(1),
    last,
    promptBytes: cacheBytes(format, headDim, stored),
    drops: stored < promptTokens,
  };
}

/** Reads of one KV head that can attend to `candidates` tokens a list, the current one included. */
function readOf(plan: Plan, input: CostInput, candidates: number, lists: number): StepRead & { tokens: number } {
  const { shape: { nHeads, nKvHeads, headDim, slidingWindow }, format } = input;
  const live = slidingWindow > 0 ? Math.min(candidates, slidingWindow) : candidates;
  const perToken = cacheBytes(format, headDim, candidates) / candidates;
  const attend = (tokens: number, scoreBytes: number, besides = 0) => ({
    scoreBytes,
    attendBytes: lists * tokens * perToken + besides,
    tokens: lists * tokens,
  });
  if (plan.select === "all" || live <= plan.topK) return attend(live, stepScoreBytes(plan, candidates, perToken));
  const choices = plan.rank === "per_head" ? nHeads / nKvHeads : 1;
  if (plan.select === "exact") return attend(Math.min(live, choices * plan.topK), live * perToken / 2);
  const planes = plan.sign === "head" ? 2 : 1;
  const scoreRow = format.elementBytes * plan.queryDims * planes;
  const spare = plan.wholePages ? (plan.topK - plan.pinSinks - plan.pinRecent) % plan.pageSize : 0;
  // Query heads that choose for themselves read dims of their own.
  const scoreBytes = choices * scoreRow * Math.ceil(live / plan.pageSize);
  return attend(Math.min(live, choices * (plan.topK - spare)), scoreBytes, plan.meanValue ? 4 * headDim : 0);
}

/** Eviction by attention reads keys once more behind the step, and what was summed so far. */
function stepScoreBytes({ stepKeep, stepEvict }: Plan, candidates: number, perToken: number): number {
  if (stepKeep === 0 || stepEvict === "oldest") return 0;
  if (stepEvict === "attention") return candidates * (perToken / 2 + 4);
  return candidates > stepKeep ? candidates * perToken / 2 : 0;
}

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
