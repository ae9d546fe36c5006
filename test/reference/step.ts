/** What one KV head does in a decode step, the current token already appended: select, attend, and drop a token. */

import type { Plan } from "../../lib/methods/plan.ts";
import { selectionMass, selectTokens } from "./attention.ts";
import type { HeadCache } from "./cache.ts";
import { sinksAndRecent } from "./compress.ts";
import { add, dot, range, type Row, softmax } from "./ops.ts";

/** Queries of one group, and how to turn them to another position. */
export interface GroupQuery {
  /** [group] after RoPE. */
  readonly q: Row[];
  /** [group] as if the current token stood elsewhere. */
  at(position: number): Row[];
}

export interface StepResult {
  /** [group] outputs. */
  readonly out: Row[];
  /** [group] slots that were attended to, ascending. */
  readonly chosen: number[][];
}

/** Per-step eviction of the oldest tokens: before attending, so that no step reads more than the limit. */
export function dropOldest(cache: HeadCache, plan: Plan): void {
  if (plan.stepKeep === 0 || plan.stepEvict !== "oldest" || cache.length <= plan.stepKeep) return;
  cache.retain(sinksAndRecent(cache.length, plan.sinks, plan.stepKeep));
}

/** Attend to what the plan selects; a query head with candidates of its own selects by itself. */
export function attendStep(cache: HeadCache, query: GroupQuery, plan: Plan, slidingWindow: number): StepResult {
  const heads = range(0, query.q.length);
  const teams = cache.perHead ? heads.map((g) => [g]) : [heads];
  const out: Row[] = [], chosen: number[][] = [];
  for (const team of teams) {
    const slots = cache.candidates(team[0]);
    const positions = slots.map((s) => cache.positions[s]!);
    const current = Math.max(...positions);
    const first = slidingWindow === 0 ? 0 : positions.findIndex((p) => current - p < slidingWindow);
    const q = team.map((g) => query.q[g]!), k = slots.map((s) => cache.k[s]!);
    const lists = selectTokens(q, k, plan, first, positions);
    const shifted = plan.shiftPositions ? query.at(slots.length - 1) : null;
    team.forEach((g, i) => {
      const list = lists[lists.length === 1 ? 0 : i]!;
      const weight = softmax(Float64Array.from(list, (c) => {
        const met = shifted !== null && c < plan.sinks ? shifted[g]! : query.q[g]!;
        return dot(met, k[c]!) / Math.sqrt(met.length);
      }));
      const attended = weightedSum(list.map((c) => cache.v[slots[c]!]!), weight);
      const mixes = plan.meanValue && list.length < slots.length;
      const mass = mixes ? selectionMass(q, k, plan, first, list, i) : 1;
      const mean = weightedSum(slots.map((s) => cache.v[s]!), slots.map(() => 1 / slots.length));
      out.push(mixes ? add(attended.map((x) => mass * x), mean.map((x) => (1 - mass) * x)) : attended);
      chosen.push(list.map((c) => slots[c]!));
    });
  }
  return { out, chosen };
}

/**
 * Per-step eviction by attention, after attending.
 *
 * @param caches   Heads that may drop a token.
 * @param queries  [heads][group] after RoPE.
 */
export function dropLeastAttended(caches: HeadCache[], queries: Row[][], plan: Plan): void {
  if (plan.stepKeep === 0 || plan.stepEvict === "oldest") return;
  const weights = caches.map((cache, h) => attentionOf(queries[h]!, cache.k));
  if (plan.stepEvict === "attention") caches.forEach((cache, h) => addAttention(cache, weights[h]!));
  const score = plan.stepEvict === "attention" ? caches.map((cache) => Float64Array.from(cache.attention)) : weights;
  caches.forEach((cache, h) => {
    if (cache.length <= plan.stepKeep) return;
    const own = plan.agree === "layer" ? score.reduce((a, b) => add(a, b)) : score[h]!;
    const newest = Math.max(...cache.positions) + 1 - plan.stepRecent;
    const droppable = range(0, cache.length).filter((s) =>
      cache.positions[s]! >= plan.sinks && cache.positions[s]! < newest
    );
    const worst = droppable.sort((a, b) => own[a]! - own[b]! || cache.positions[a]! - cache.positions[b]!)[0]!;
    cache.retain(range(0, cache.length).filter((s) => s !== worst));
  });
}

/** Softmax weights of every key, summed over the group: what H2O and TOVA go by. */
export function attentionOf(q: Row[], k: Row[]): Row {
  return q
    .map((head) => softmax(Float64Array.from(k, (key) => dot(head, key) / Math.sqrt(head.length))))
    .reduce((a, b) => add(a, b));
}

export function addAttention(cache: HeadCache, weight: ArrayLike<number>): void {
  cache.attention = cache.attention.map((x, s) => x + (weight[s] ?? 0));
}

function weightedSum(rows: Row[], weight: ArrayLike<number>): Row {
  const out = new Float64Array(rows[0]!.length);
  rows.forEach((row, i) => row.forEach((x, dim) => out[dim]! += weight[i]! * x));
  return out;
}
