/** From samples to a row per method and budget. */
import type { Recipe } from "../../lib/engine/recipe.ts";
import { type FidelitySummary, summarise } from "../../lib/fidelity/summary.ts";
import type { NeedleRecord, Spent, TextRecord } from "./samples.ts";
import { mean, standardError } from "../../lib/statistics.ts";
import { wilson } from "../../lib/statistics/intervals.ts";
import { type TextName, TEXTS } from "./texts.ts";

/** One method at one budget. */
export interface Row {
  readonly method: string;
  /** Tokens per KV head and step; null for a method without a budget. */
  readonly budget: number | null;
  /** What was read in fact, scoring included; K and V with everything beside them that was stored at the end, in bytes. */
  readonly read: number;
  readonly stored: number;
  /** Against the full cache on texts, or null where no text was run. */
  readonly texts: FidelitySummary & { readonly klOf: Readonly<Record<TextName, number>> } | null;
  readonly needles: NeedleSummary;
}

export interface NeedleSummary {
  readonly count: number;
  readonly found: number;
  /** Wilson's 95 % interval of the share. */
  readonly foundRange: readonly [number, number];
  readonly partial: number;
  /** Mean over samples of the mean log probability of the key's tokens. */
  readonly keyLogprob: number;
  readonly keyLogprobError: number | null;
}

/** @param texts, needles  Of one context; the first may be empty. */
export function rowsOf(
  recipes: readonly Recipe[],
  texts: readonly TextRecord[],
  needles: readonly NeedleRecord[],
): Row[] {
  return recipes.map(({ method, budget }, i) => {
    // Texts decode longer, and all of their prompts are of the same length.
    const spent = (texts.length > 0 ? texts : needles).map(({ arms }) => arms[i]!.spent);
    const average = (value: (one: Spent) => number) => mean(spent.map(value));
    return {
      method: method.name,
      budget: method.ignoresBudget || budget.kind !== "tokens" ? null : budget.tokens,
      read: average(({ measuredBudget }) => measuredBudget),
      stored: average(({ kvBytes, auxBytes }) => kvBytes + auxBytes),
      texts: texts.length > 0 ? textSummary(texts, i) : null,
      needles: needleSummary(needles, i),
    };
  });
}

function textSummary(texts: readonly TextRecord[], i: number): NonNullable<Row["texts"]> {
  const klOf = (name: TextName) =>
    mean(texts.filter(({ text }) => text === name).flatMap(({ arms }) => arms[i]!.measures.map(({ kl }) => kl)));
  return {
    ...summarise(texts.map(({ arms }) => arms[i]!.measures)),
    klOf: Object.fromEntries(TEXTS.map((name) => [name, klOf(name)])) as Record<TextName, number>,
  };
}

function needleSummary(needles: readonly NeedleRecord[], i: number): NeedleSummary {
  const arms = needles.map(({ arms }) => arms[i]!);
  const found = arms.filter((arm) => arm.found).length;
  const logprobs = arms.map(({ keyLogprob }) => keyLogprob);
  return {
    count: arms.length,
    found,
    foundRange: wilson(found, arms.length),
    partial: mean(arms.map(({ partial }) => partial)),
    keyLogprob: mean(logprobs),
    keyLogprobError: standardError(logprobs),
  };
}
