/** Results of several prompts, gathered by method and budget. */
import type { Recipe } from "../engine/recipe.ts";
import type { PromptResult } from "./run.ts";
import { type FidelitySummary, summarise } from "./summary.ts";

/** One method at one budget. Means over prompts where prompts differ. */
export interface FidelityRow extends FidelitySummary {
  readonly method: string;
  /** Tokens per KV head and step: asked for, and read in fact, scoring included. */
  readonly tokenBudget: number;
  readonly measuredBudget: number;
  /** K and V kept at the end, and what is kept beside them. */
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
      tokenBudget: mean((result) => result.arms[i]!.tokenBudget),
      measuredBudget: mean((result) => result.arms[i]!.cost.measuredBudget),
      kvBytes: mean((result) => result.arms[i]!.cost.kvBytes),
      auxBytes: mean((result) => result.arms[i]!.cost.auxBytes),
      ...summarise(results.map((result) => result.arms[i]!.measures)),
    })),
  };
}
