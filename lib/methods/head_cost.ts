/** What one KV head costs under a plan: the formulas behind `planCost()`. */

import type { CostInput, PlanCost, StepRead } from "./cost.ts";
import { cacheBytes, rowBytes } from "./kv_format.ts";
import type { Plan } from "./plan.ts";

/** `PlanCost` of one KV head. */
export interface HeadCost extends Omit<PlanCost, "prefillPeakBytes"> {
  /** K and V right after compression, and whether anything was dropped to get there. */
  readonly promptBytes: number;
  readonly drops: boolean;
}

/** One KV head that follows the plan. */
export function headCost(plan: Plan, input: CostInput): HeadCost {
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
