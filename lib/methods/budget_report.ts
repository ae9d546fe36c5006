/** Whether plans meet the token budget that was asked for. */

import type { Method } from "./method.ts";
import { type CostInput, type PlanCost, type StepRead, tokensRead } from "./cost.ts";

/** Tokens' worth of unquantised K and V per KV head and step, scoring included. */
export interface BudgetReport {
  readonly requested: number;
  /** What the first and the last step will read, as a mean over all layers and KV heads. */
  readonly predictedFirst: number;
  readonly predictedLast: number;
  /** What it takes instead and for what, when that is more than was asked for; null when the budget is met. */
  readonly note: string | null;
}

/** Rounding to whole pages, dims and heads may take this much more without a word. */
const TOLERANCE = 0.02;

/** @param cost  Of the method's plans, for the same input. */
export function budgetReport(
  { ignoresBudget = false }: Pick<Method, "ignoresBudget">,
  requested: number,
  cost: PlanCost,
  { shape, format }: CostInput,
): BudgetReport {
  const tokens = (read: StepRead) => tokensRead(read, shape, format);
  const predictedFirst = tokens(cost.first), predictedLast = tokens(cost.last);
  const most = predictedLast > predictedFirst ? cost.last : cost.first;
  return {
    requested,
    predictedFirst,
    predictedLast,
    note: ignoresBudget || tokens(most) <= requested * (1 + TOLERANCE) ? null : describe(requested, cost, most, tokens),
  };
}

function describe(requested: number, cost: PlanCost, most: StepRead, tokens: (read: StepRead) => number): string {
  const rounded = (read: StepRead) => `${Math.round(tokens(read))}`;
  const scoring = rounded({ ...most, attendBytes: 0 }), attending = rounded({ ...most, scoreBytes: 0 });
  // Where only what was generated comes on top, that is the reason.
  const grows = tokens(cost.first) <= requested * (1 + TOLERANCE) ? "; new tokens come on top" : "";
  return `a step reads up to ${
    rounded(most)
  } tokens instead of ${requested}: ${scoring} to score, ${attending} to attend${grows}`;
}
