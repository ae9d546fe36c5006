import { planCost } from "../methods/cost.ts";
import { formatPlan } from "../methods/format.ts";
import { DENSE, type Plan } from "../methods/plan.ts";
import type { ModelSource } from "../model/types.ts";
import { planFor, type Recipe } from "./recipe.ts";

/** What a recipe will cost for one prompt length, before anything is loaded. Tokens are per KV head. */
export interface Forecast {
  readonly method: string;
  readonly context: number;
  readonly newTokens: number;
  readonly tokenBudget: number;
  /** (prompt + new tokens) ÷ token budget. */
  readonly compression: number;
  readonly plan: Plan;
  /** The plan in words. */
  readonly summary: string;
  /** Prompt tokens that can be attended, and the same with all new tokens. */
  readonly kept: number;
  readonly capacity: number;
  /** K and V at the end, and page bounds with index lists. */
  readonly kvBytes: number;
  readonly auxBytes: number;
  /** Cache bytes read by the last step, and by that of the full cache. */
  readonly readBytes: number;
  readonly fullReadBytes: number;
  /** Weights and the most cache that is alive at once. */
  readonly peakBytes: number;
}

/** @param options.context  Prompt length in tokens. */
export function forecast(
  source: ModelSource,
  recipe: Recipe,
  { context, newTokens, kvType }: { context: number; newTokens: number; kvType: "bf16" | "f32" },
): Forecast {
  const { config } = source;
  const { plan, tokenBudget } = planFor(recipe, config, context, newTokens);
  const elementBytes = kvType === "f32" ? 4 : 2;
  const cost = planCost(plan, config, context, newTokens, elementBytes);
  const full = planCost(DENSE, config, context, newTokens, elementBytes);
  const auxBytes = cost.boundsBytes + cost.indexBytes;
  return {
    method: recipe.method.name,
    context,
    newTokens,
    tokenBudget,
    compression: (context + newTokens) / tokenBudget,
    plan,
    summary: formatPlan(plan),
    kept: cost.kept,
    capacity: cost.capacity,
    kvBytes: cost.kvBytes,
    auxBytes,
    readBytes: cost.last.scoreBytes + cost.last.attendBytes,
    fullReadBytes: full.last.attendBytes,
    peakBytes: source.weightBytes + Math.max(cost.prefillPeakBytes, cost.kvBytes + auxBytes),
  };
}
