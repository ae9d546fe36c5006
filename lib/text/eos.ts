/** Which tokens end a turn or a text. */

import { RunError } from "../error.ts";
import { TokenKind, type Vocabulary } from "./vocabulary.ts";

/** Names that models of the supported families give to such tokens. Files often declare only one of several. */
const END_TOKENS = [
  "<|im_end|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|end_of_text|>",
  "<|endoftext|>",
  "<|end_of_turn|>",
  "<|end_of_sentence|>",
  "<｜end▁of▁sentence｜>",
  "<|end|>",
  "<end_of_turn>",
  "<EOT>",
  "</s>",
];

/**
 * Ids that stop generation: the declared ones, then well-known names that the vocabulary holds as added tokens.
 *
 * @throws {RunError} when a declared id is no token.
 */
export function endTokenIds(vocabulary: Vocabulary, declared: readonly number[]): number[] {
  const ids = new Set<number>();
  for (const id of declared) ids.add(checkedId(vocabulary, id, "an EOS id"));
  for (const name of END_TOKENS) {
    const id = vocabulary.idOf(name);
    if (id === undefined) continue;
    const kind = vocabulary.kinds[id];
    if (kind === TokenKind.control || kind === TokenKind.user) ids.add(id);
  }
  return [...ids];
}

/** The id itself, once it is known to be a token. */
export function checkedId(vocabulary: Vocabulary, id: number, what: string): number {
  if (Number.isInteger(id) && id >= 0 && id < vocabulary.size) return id;
  throw new RunError(
    `Cannot load the tokenizer: ${what} must be an integer from 0 to ${vocabulary.size - 1}: current value is ${id}`,
  );
}
