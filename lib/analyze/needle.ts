import { RunError } from "../error.ts";
import type { Tokenizer } from "../text/types.ts";

/**
 * Where a text stands in a prompt, in tokens: [begin, end). Tokens that it shares with its surroundings belong to it.
 *
 * @param ids   Tokens of the prompt.
 * @param text  What is looked for; its last occurrence counts.
 * @throws {RunError} when the prompt does not contain it.
 */
export function findNeedle(
  tokenizer: Pick<Tokenizer, "decode">,
  ids: readonly number[],
  text: string,
): [number, number] {
  const holds = (begin: number, end: number) => tokenizer.decode(ids.slice(begin, end)).includes(text);
  if (text === "" || !holds(0, ids.length)) {
    throw new RunError(`Cannot find the needle: expected a part of the prompt, found ${JSON.stringify(text)}`);
  }
  // The latest begin, then the earliest end, that still hold it: both properties are monotone.
  let low = 0, high = ids.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle, ids.length)) low = middle;
    else high = middle - 1;
  }
  const begin = low;
  low = begin + 1, high = ids.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(begin, middle)) high = middle;
    else low = middle + 1;
  }
  return [begin, low];
}
