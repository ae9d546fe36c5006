/** How much of the length that was asked for a prompt takes up. */
import type { Length } from "../task.ts";

/** Prompts with less than this are not of the length that they are called by. */
export const FILLED = 0.95;

/** Share of the tokens, room for the answer included; null where words or files decide. */
export function fillShare(length: Length | null, promptTokens: number, newTokens: number): number | null {
  return length?.unit === "tokens" ? (promptTokens + newTokens) / length.count : null;
}
