/** The tokenizer's vocabulary: GPT-2's printable stand-ins for the 256 bytes, then the special tokens. */

import { BOS, EOS, PAD, SEP } from "./codes.ts";

export const SPECIAL_TOKENS: readonly (readonly [id: number, text: string])[] = [
  [BOS, "<bos>"],
  [EOS, "<eos>"],
  [PAD, "<pad>"],
  [SEP, "<sep>"],
];

/** Letter of byte 0 to 255. */
export function byteLetters(): string[] {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256; // all others get the characters from U+0100 on
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}
