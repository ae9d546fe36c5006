/** What people say about a budget: tokens (`--budget 256`), or how much to compress (`--ratio 64x`). */

import { UsageError } from "../error.ts";
import { UNLIMITED } from "./settings.ts";

/** A budget before the prompt is known. A ratio is (prompt + new tokens) / budget: larger means fewer tokens read. */
export type BudgetSpec =
  | { readonly kind: "tokens"; readonly tokens: number }
  | { readonly kind: "ratio"; readonly ratio: number };

/** `256`. @throws {UsageError} unless the text is an integer from 1 on. */
export function parseBudget(text: string): BudgetSpec {
  const tokens = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
  if (!(tokens >= 1 && tokens <= UNLIMITED)) {
    const advice = /^\d+(\.\d+)?x$/i.test(text.trim()) ? `: --ratio takes ${text.trim()}` : "";
    throw new UsageError(`Cannot use --budget "${text}": it must be an integer >= 1, in tokens${advice}`);
  }
  return { kind: "tokens", tokens };
}

/** `64x`, `64` or `1.5x`. @throws {UsageError} unless the text is a number from 1 on. */
export function parseRatio(text: string): BudgetSpec {
  const [, digits] = /^(\d+(?:\.\d+)?)x?$/i.exec(text.trim()) ?? [];
  const ratio = Number(digits);
  if (!(ratio >= 1 && Number.isFinite(ratio))) {
    throw new UsageError(`Cannot use --ratio "${text}": it must be a number >= 1, such as 64x`);
  }
  return { kind: "ratio", ratio };
}

/** Tokens of a budget for one prompt, at least 1; a ratio is rounded down so that it is reached. */
export function budgetTokens(spec: BudgetSpec, promptTokens: number, newTokens: number): number {
  if (spec.kind === "tokens") return spec.tokens;
  return Math.max(1, Math.floor((promptTokens + newTokens) / spec.ratio));
}

/** `256` or `64x`: what the parsers read. */
export function formatBudget(spec: BudgetSpec): string {
  return spec.kind === "tokens" ? `${spec.tokens}` : `${spec.ratio}x`;
}
