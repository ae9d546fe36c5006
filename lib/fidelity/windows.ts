import { RunError } from "../error.ts";
import type { Tokenizer } from "../text/types.ts";

/**
 * Prompts of equal length cut out of a long text, spread evenly over it. No two of them share a token, so that they count
 * as samples of their own; each begins as the model expects a text to begin.
 *
 * @param length  Tokens of a prompt, the BOS token included where the model has one.
 * @throws {RunError} when the text is too short for that many prompts.
 */
export function cutPrompts(tokenizer: Tokenizer, text: string, length: number, count: number): number[][] {
  const head = tokenizer.addBos && tokenizer.bosId !== null ? [tokenizer.bosId] : [];
  const ids = tokenizer.encode(text, { bos: false });
  const own = length - head.length; // tokens that come out of the text
  if (ids.length < own * count) {
    throw new RunError(
      `Cannot cut ${count} ${count === 1 ? "prompt" : "prompts"} of ${length} tokens: expected a text of at least ` +
        `${own * count} tokens, found ${ids.length}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const from = count === 1 ? 0 : Math.floor(i * (ids.length - own) / (count - 1));
    return [...head, ...ids.slice(from, from + own)];
  });
}
