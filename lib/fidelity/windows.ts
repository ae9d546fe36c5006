import { RunError } from "../error.ts";

/**
 * Prompts cut out of a long text: windows of `length` tokens, spread evenly over it.
 *
 * @param ids     Tokens of the whole text.
 * @param length  Tokens of a prompt, or null for the whole text as one prompt.
 * @throws {RunError} when the text is too short for that many different windows.
 */
export function textWindows(ids: readonly number[], length: number | null, count: number): number[][] {
  if (length === null) return [[...ids]];
  const spare = ids.length - length;
  if (spare < count - 1) {
    throw new RunError(
      `Cannot cut ${count} prompts of ${length} tokens: expected a text of at least ${length + count - 1} tokens, ` +
        `found ${ids.length}`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const from = count === 1 ? 0 : Math.floor(i * spare / (count - 1));
    return ids.slice(from, from + length);
  });
}
