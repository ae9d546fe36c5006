/** What an arm's cache holds and costs. */
import type { Cost } from "../../engine/cost.ts";
import type { Engine } from "../../engine/engine.ts";
import { formatOf } from "../../engine/kv_options.ts";
import type { Planned } from "../../engine/recipe.ts";
import { planCost } from "../../methods/cost.ts";
import { DENSE } from "../../methods/plan.ts";
import type { NativeSession, SessionOptions } from "../../native/session.ts";
import { mean } from "../../statistics.ts";
import type { TokenRange } from "../../tasks/prompt/token_ranges.ts";
import type { CacheUse } from "../folder/prediction.ts";

/** What can be attended to: see `CacheUse`. */
export type Kept = Pick<CacheUse, "kept" | "keptByLayer" | "goldKept">;

/** What a session can attend to before its answer. @param gold  Tokens that the answer rests on. */
export function keptOf(
  { config }: Engine,
  session: NativeSession,
  { plans }: Planned,
  gold: readonly TokenRange[],
): Kept {
  const { nLayers, nHeads, nKvHeads } = config;
  if (plans.every(({ evict, stepKeep }) => evict === "none" && stepKeep === 0)) {
    const all = session.stats().n_tokens;
    return {
      kept: { mean: all, min: all, max: all },
      ...(gold.length > 0 && { goldKept: Array.from({ length: nLayers }, () => 1) }),
    };
  }
  // Heads of a group see the same tokens unless every query head chose for itself.
  const step = plans.some(({ agree }) => agree === "head") ? 1 : nHeads / nKvHeads;
  const counts: number[] = [], keptByLayer: number[] = [], goldKept: number[] = [];
  const goldTokens = gold.reduce((sum, { from, to }) => sum + to - from, 0);
  for (let layer = 0; layer < nLayers; layer++) {
    const own: number[] = [], shares: number[] = [];
    for (let head = 0; head < nHeads; head += step) {
      const positions = session.cached(layer, head);
      own.push(positions.length);
      const found = gold.reduce((sum, { from, to }) => sum + firstAt(positions, to) - firstAt(positions, from), 0);
      shares.push(found / goldTokens);
    }
    counts.push(...own);
    keptByLayer.push(mean(own));
    goldKept.push(mean(shares));
  }
  const kept = {
    mean: mean(counts),
    min: counts.reduce((a, b) => Math.min(a, b)),
    max: counts.reduce((a, b) => Math.max(a, b)),
  };
  const differs = keptByLayer.some((count) => count !== keptByLayer[0]);
  return { kept, ...(differs && { keptByLayer }), ...(gold.length > 0 && { goldKept }) };
}

/**
 * What decode steps read, and what is stored behind them.
 *
 * @param cost          Of a session that has made all these steps and no others, at least one.
 * @param promptTokens  In front of the steps.
 */
export function cacheUse(
  { config }: Engine,
  cost: Cost,
  { planned, kept, promptTokens, session }: {
    planned: Planned;
    kept: Kept;
    promptTokens: number;
    session: SessionOptions;
  },
): CacheUse {
  const format = formatOf(session);
  const place = { shape: config, promptTokens, newTokens: cost.steps, format: { ...format, bits: 0 } } as const;
  const full = planCost([DENSE], place);
  return {
    tokenBudget: planned.tokenBudget,
    measuredBudget: cost.measuredBudget,
    storedBytes: cost.kvBytes,
    auxBytes: cost.auxBytes,
    readBytesPerStep: cost.scoreReadBytes + cost.attendReadBytes,
    fullStoredBytes: full.kvBytes,
    fullReadBytesPerStep: (full.first.attendBytes + full.last.attendBytes) / 2,
    ...kept,
  };
}

/** Positions below `position`. */
function firstAt(positions: Int32Array, position: number): number {
  let low = 0, high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
