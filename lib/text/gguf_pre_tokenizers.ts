/** The pre-tokenizers that GGUF files only name: `tokenizer.ggml.pre`. */

import { RunError } from "../error.ts";
import { patternOfOniguruma } from "./pattern.ts";
import { inSequence, splitByPattern, splitDigits, type Splitter } from "./splitter.ts";

const SPACES = String.raw`\s+(?!\S)|\s+`;

/** GPT-2: words with their leading space, numbers of any length, runs of other characters. */
export const GPT2_PATTERN = patternOfOniguruma(
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|${SPACES}`,
);

/** Llama 3: contractions in any case, any one mark may lead a word, line ends stay with marks. */
const llama3Pattern = (number: string) =>
  patternOfOniguruma(
    String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${number}` +
      String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|${SPACES}`,
  );

/** Mistral Nemo: a capital starts a new word inside a word, digits one by one, a slash stays with marks. */
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const TEKKEN_PATTERN = patternOfOniguruma(
  String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*|\p{N}` +
    String.raw`| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|${SPACES}`,
);

export interface PreTokenizer {
  readonly words: Splitter;
  /** A word that is a token as a whole needs no merges. */
  readonly wholeWords: boolean;
  /** Whether these models expect a BOS token when the file does not say. */
  readonly addBos: boolean;
}

const gpt2: PreTokenizer = { words: splitByPattern(GPT2_PATTERN), wholeWords: false, addBos: false };
const smollm: PreTokenizer = {
  words: inSequence([splitDigits(true), splitByPattern(GPT2_PATTERN)]),
  wholeWords: false,
  addBos: false,
};
const llama3: PreTokenizer = {
  words: splitByPattern(llama3Pattern(String.raw`\p{N}{1,3}`)),
  wholeWords: true,
  addBos: true,
};
const qwen2Words = splitByPattern(llama3Pattern(String.raw`\p{N}`));
const qwen2: PreTokenizer = {
  words: (text, atStart) => qwen2Words(text.normalize("NFC"), atStart),
  wholeWords: false,
  addBos: false,
};
const tekken: PreTokenizer = { words: splitByPattern(TEKKEN_PATTERN), wholeWords: true, addBos: true };

const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  "default": gpt2,
  "gpt-2": gpt2,
  "smollm": smollm,
  "llama-bpe": llama3,
  "llama3": llama3,
  "llama-v3": llama3,
  "qwen2": qwen2,
  "deepseek-r1-qwen": qwen2,
  "tekken": tekken,
};

/** @throws {RunError} for a name that is not in the list. */
export function preTokenizerNamed(name: string): PreTokenizer {
  if (!Object.hasOwn(PRE_TOKENIZERS, name)) {
    throw new RunError(
      `Cannot load the tokenizer: tokenizer.ggml.pre must be one of ${Object.keys(PRE_TOKENIZERS).join(", ")}: ` +
        `current value is ${JSON.stringify(name)}`,
    );
  }
  return PRE_TOKENIZERS[name]!;
}
