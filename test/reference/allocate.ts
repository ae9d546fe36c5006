/** How the places of a layer are dealt to its KV heads (`rkv_alloc_kind`). */

import type { Plan } from "../../lib/methods/plan.ts";
import { range } from "./ops.ts";

/** A token that competes for a place. */
interface Entry {
  readonly head: number;
  readonly index: number;
  readonly pooled: number;
  readonly score: number;
}

/**
 * Places of every head among its scored tokens.
 *
 * @param pooled  [heads][scored tokens] after pooling.
 * @param score   [heads][scored tokens] before.
 * @param places  [heads] what a head gets when all get the same.
 */
export function allocate(plan: Plan, pooled: Float64Array[], score: Float64Array[], places: number[]): number[] {
  if (plan.alloc === "uniform") return places;
  const wanted = places.reduce((a, b) => a + b, 0);
  const entries = pooled.flatMap((row, head) =>
    range(0, row.length).map((index): Entry => ({ head, index, pooled: row[index]!, score: score[head]![index]! }))
  ).sort((a, b) => better(a, b, plan.tieByPosition));
  return plan.alloc === "ada" ? countBest(plan, entries, places, wanted) : safeThenBest(plan, entries, places, wanted);
}

/** Of two tokens the better one first; of equals the lower head, then the lower position. */
function better(a: Entry, b: Entry, byPosition: boolean): number {
  return b.pooled - a.pooled || (byPosition ? 0 : b.score - a.score) || a.head - b.head || a.index - b.index;
}

/** Ada-KV (arXiv:2407.11550): the share of the overall best that a head has, softened by the safeguard. */
function countBest({ safeguard, sinks }: Plan, entries: Entry[], places: number[], wanted: number): number[] {
  const best = entries.slice(0, wanted);
  return places.map((base, h) => {
    const share = best.filter(({ head }) => head === h).length;
    const dealt = roundHalfToEven((1 - safeguard) * share + Math.floor(safeguard * base));
    return Math.min(Math.max(dealt, sinks), entries.filter(({ head }) => head === h).length);
  });
}

/** kvpress: every head's own best, recent tokens counted, are safe; the rest are the best of all heads together. */
function safeThenBest({ safeguard, keep }: Plan, entries: Entry[], places: number[], wanted: number): number[] {
  const safe = places.map((base) => Math.max(Math.floor(safeguard * keep) - (keep - base), 0));
  const taken = places.map(() => 0);
  const rest = entries.filter(({ head }) => {
    if (taken[head]! >= safe[head]!) return true;
    taken[head]! += 1;
    return false;
  });
  for (const { head } of rest.slice(0, wanted - taken.reduce((a, b) => a + b, 0))) taken[head]! += 1;
  return taken;
}

function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + low % 2 : Math.round(x);
}
