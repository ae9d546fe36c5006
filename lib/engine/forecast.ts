import { type BudgetReport, budgetReport } from "../methods/budget_report.ts";
import { auxBytes, planCost } from "../methods/cost.ts";
import { formatPlan } from "../methods/format.ts";
import { kvFormat, type KvType } from "../methods/kv_format.ts";
import { DENSE, type LayerPlans } from "../methods/plan.ts";
import type { ModelSource } from "../model/types.ts";
import { planFor, type Recipe } from "./recipe.ts";

/** What a recipe will cost for one prompt length, before anything is loaded. Tokens are per KV head. */
export interface Forecast {
  readonly method: string;
  readonly context: number;
  readonly newTokens: number;
  readonly tokenBudget: number;
  /** Whether the plans meet it. */
  readonly budget: BudgetReport;
  /** (prompt + new tokens) ÷ token budget. */
  readonly compression: number;
  /** One for all layers, or one for each. */
  readonly plans: LayerPlans;
  /** The plans in words. */
  readonly summary: string;
  /** Prompt tokens that can be attended, and the same with all new tokens. */
  readonly kept: number;
  readonly capacity: number;
  /** K and V at the end, and what is stored beside them: page bounds, index lists, scores. */
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
  { context, newTokens, kvType }: { context: number; newTokens: number; kvType: KvType },
): Forecast {
  const { config } = source;
  const format = kvFormat(kvType, config.headDim);
  const { plans, tokenBudget } = planFor(recipe, config, context, newTokens, format);
  const input = { shape: config, promptTokens: context, newTokens, format };
  const cost = planCost(plans, input);
  const full = planCost([DENSE], input);
  return {
    method: recipe.method.name,
    context,
    newTokens,
    tokenBudget,
    budget: budgetReport(recipe.method, tokenBudget, cost, input),
    compression: (context + newTokens) / tokenBudget,
    plans,
    summary: formatPlan(plans),
    kept: cost.kept,
    capacity: cost.capacity,
    kvBytes: cost.kvBytes,
    auxBytes: auxBytes(cost),
    readBytes: cost.last.scoreBytes + cost.last.attendBytes,
    fullReadBytes: full.last.attendBytes,
    peakBytes: source.weightBytes + Math.max(cost.prefillPeakBytes, cost.kvBytes + auxBytes(cost)),
  };
}
