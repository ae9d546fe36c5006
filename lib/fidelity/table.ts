/** Results of several prompts, gathered by method and budget. */
import type { Recipe } from "../engine/recipe.ts";
import type { PromptResult } from "./run.ts";
import { type FidelitySummary, summarise } from "./summary.ts";

/** One method at one budget. Means over prompts where prompts differ. */
export interface FidelityRow extends FidelitySummary {
  readonly method: string;
  /** Tokens per KV head and step; null for a method that has no budget. */
  readonly tokenBudget: number | null;
  /** Tokens' worth of K and V that were read per step and KV head, scoring included; null without decode steps. */
  readonly measuredBudget: number | null;
  /** K and V kept at the end, and what is kept beside them, for all layers. */
  readonly kvBytes: number;
  readonly auxBytes: number;
}

export interface FidelityTable {
  readonly prompts: number;
  /** The full cache against itself: smaller differences mean nothing. */
  readonly noise: FidelitySummary;
  readonly rows: readonly FidelityRow[];
}

export function gather(recipes: readonly Recipe[], results: readonly PromptResult[]): FidelityTable {
  const mean = (value: (result: PromptResult) => number) =>
    results.reduce((sum, result) => sum + value(result), 0) / results.length;
  return {
    prompts: results.length,
    noise: summarise(results.map((result) => result.noise)),
    rows: recipes.map((recipe, i) => ({
      method: recipe.method.name,
      tokenBudget: recipe.method.ignoresBudget ? null : mean((result) => result.arms[i]!.tokenBudget),
      measuredBudget: results.every((result) => result.arms[i]!.cost.steps > 0)
        ? mean((result) => result.arms[i]!.cost.measuredBudget)
        : null,
      kvBytes: mean((result) => result.arms[i]!.cost.kvBytes),
      auxBytes: mean((result) => result.arms[i]!.cost.auxBytes),
      ...summarise(results.map((result) => result.arms[i]!.measures)),
    })),
  };
}
