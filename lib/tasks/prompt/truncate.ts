/** What is cut out of prompts that are longer than the model was made for. */
import { RunError } from "../../error.ts";
import type { AssembleOptions, PromptTurn } from "./assemble.ts";
import type { TokenRange } from "./token_ranges.ts";

/**
 * `middle` keeps the first and the last half of the prompt, as LongBench does; `left` drops the beginning of the context;
 * markup and question stay.
 */
export const TRUNCATIONS = ["refuse", "middle", "left"] as const;
export type Truncation = typeof TRUNCATIONS[number];

/** Tokens that a sample is too long, its last turn and that turn's answer included. */
export function excess(head: number, turns: readonly PromptTurn[], options: AssembleOptions): number {
  return head + behindHead(turns, options.history) - options.contextLength;
}

/** Most tokens that are ever behind the head. */
function behindHead(turns: readonly PromptTurn[], history: AssembleOptions["history"]): number {
  let before = 0, most = 0;
  for (const { tail, newTokens, expected } of turns) {
    most = Math.max(most, before + tail.length + Math.max(newTokens, expected.length));
    if (history !== "requests") before += tail.length;
    if (history === "own") before += newTokens;
  }
  return most;
}

/**
 * Tokens of the head to be cut out.
 *
 * @param size.lead  Tokens in front of the context.
 * @throws {RunError}
 */
export function fitHead(
  key: string,
  { head, lead, excess, turns }: { head: number; lead: number; excess: number; turns: readonly PromptTurn[] },
  { truncate, history, contextLength }: AssembleOptions,
): TokenRange {
  if (truncate === "refuse") {
    const behind = behindHead(turns, history);
    throw new RunError(
      `Cannot run sample ${key}: the model was made for ${contextLength} tokens, found ${head + behind} ` +
        `(${head} up to the end of the context and ${behind} behind it, answers included): ` +
        "take a shorter length, or pass --truncate middle",
    );
  }
  const kept = head - excess;
  if (kept <= lead) {
    throw new RunError(
      `Cannot cut sample ${key} to ${contextLength} tokens: expected room for its context, found ${kept} tokens in front ` +
        `of the question, ${lead} of them markup`,
    );
  }
  if (truncate === "left") return { from: lead, to: lead + excess };
  const tail = turns[0]!.tail.length;
  const half = Math.floor((kept + tail) / 2);
  const last = Math.max(0, half - tail); // of the head
  const from = Math.max(lead, Math.min(half, kept - last));
  return { from, to: Math.max(head - last, from + excess) };
}
