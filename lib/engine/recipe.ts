import { RunError } from "../error.ts";
import { type BudgetSpec, budgetTokens } from "../methods/budget_spec.ts";
import type { KvFormat } from "../methods/kv_format.ts";
import type { Method } from "../methods/method.ts";
import type { MethodFiles } from "../methods/method_files.ts";
import type { LayerPatterns } from "../methods/pattern.ts";
import type { LayerPlans } from "../methods/plan.ts";
import type { ModelConfig } from "../model/types.ts";
import { checkKvFormat } from "./kv_options.ts";

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

/** What of a model decides a plan. */
export type PlanShape = Pick<ModelConfig, "headDim" | "nHeads" | "nKvHeads" | "nLayers">;

/**
 * The plans of a recipe for one prompt.
 *
 * @param promptTokens  Tokens that are cached when the plans are applied, at least 1.
 * @param newTokens     Most tokens that follow.
 * @param format        How the cache will be stored; without it plans are not checked against it.
 * @throws {UsageError} for numbers that cannot work together, or plans that such a cache cannot follow.
 */
export function planFor(
  { method, budget, set, files = {} }: Recipe,
  config: PlanShape,
  promptTokens: number,
  newTokens: number,
  format?: KvFormat,
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
  const plans = method.plan(input);
  if (format) checkKvFormat(method.name, plans, format);
  return { plans, tokenBudget, ...(method.patterns && { patterns: method.patterns(input) }) };
}
