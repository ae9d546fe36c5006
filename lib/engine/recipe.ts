import { RunError } from "../error.ts";
import { type BudgetSpec, budgetTokens } from "../methods/budget_spec.ts";
import type { Method } from "../methods/method.ts";
import type { MethodFiles } from "../methods/method_files.ts";
import type { LayerPatterns } from "../methods/pattern.ts";
import type { LayerPlans } from "../methods/plan.ts";
import type { ModelConfig } from "../model/types.ts";

/** What to do with the cache, before the prompt is known. */
export interface Recipe {
  readonly method: Method;
  readonly budget: BudgetSpec;
  /** Numbers of the method that were set by hand. */
  readonly set: Readonly<Record<string, number>>;
  /** What the method was trained or searched for. @default {} */
  readonly files?: MethodFiles;
}

/** A recipe for one prompt. */
export interface Planned {
  readonly plans: LayerPlans;
  readonly tokenBudget: number;
  /** Of a sparse prefill: what each query head of each layer attends to. */
  readonly patterns?: readonly LayerPatterns[];
}

/**
 * The plans of a recipe for one prompt.
 *
 * @param promptTokens  Tokens that are cached when the plans are applied, at least 1.
 * @param newTokens     Most tokens that follow.
 */
export function planFor(
  { method, budget, set, files = {} }: Recipe,
  config: ModelConfig,
  promptTokens: number,
  newTokens: number,
): Planned {
  if (promptTokens < 1) throw new RunError("Cannot make a plan: expected at least one prompt token, found none");
  const tokenBudget = budgetTokens(budget, promptTokens, newTokens);
  const input = {
    tokenBudget,
    promptTokens,
    newTokens,
    headDim: config.headDim,
    group: config.nHeads / config.nKvHeads,
    nLayers: config.nLayers,
    nKvHeads: config.nKvHeads,
    set,
    files,
  };
  return { plans: method.plan(input), tokenBudget, ...(method.patterns && { patterns: method.patterns(input) }) };
}
