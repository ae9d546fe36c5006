/** Tokenizer of a GGUF file's own vocabulary. */

import { RunError } from "../error.ts";
import type { GgufValue } from "../model/types.ts";
import type { AddedToken } from "./added_tokens.ts";
import { type BpeParts, BpeTokenizer } from "./bpe_tokenizer.ts";
import { checkedId, endTokenIds } from "./eos.ts";
import { preTokenizerNamed } from "./gguf_pre_tokenizers.ts";
import { joinByMerges, joinByScores } from "./pair_table.ts";
import { bytePiece } from "./symbols.ts";
import { TokenKind, Vocabulary } from "./vocabulary.ts";

type Metadata = ReadonlyMap<string, GgufValue>;
const PREFIX = "tokenizer.ggml.";

/**
 * @param metadata  The file's keys; those under `tokenizer.ggml.` are read.
 * @throws {RunError} naming the key that is missing, malformed or not supported.
 */
export function ggufTokenizer(metadata: Metadata): BpeTokenizer {
  const model = text(metadata, "model");
  if (model !== "gpt2" && model !== "llama") {
    throw new RunError(
      `Cannot load the tokenizer: tokenizer.ggml.model must be gpt2 (byte-level BPE) or llama (SentencePiece BPE): ` +
        `current value is ${JSON.stringify(model)}`,
    );
  }
  const vocabulary = vocabularyOf(metadata);
  const defaults = model === "llama" ? { bos: 1, eos: 2 } : { bos: null, eos: null };
  const bosId = idAt(metadata, "bos_token_id", vocabulary) ?? defaults.bos;
  const declaredEnds = [
    idAt(metadata, "eos_token_id", vocabulary) ?? defaults.eos,
    idAt(metadata, "eot_token_id", vocabulary),
    idAt(metadata, "eom_token_id", vocabulary),
  ].filter((id) => id !== null);
  const addBos = flag(metadata, "add_bos_token");
  const own = model === "gpt2" ? byteLevelParts(metadata, vocabulary) : sentencePieceParts(metadata, vocabulary);
  return new BpeTokenizer({
    ...own,
    vocabulary,
    added: addedTokensOf(vocabulary),
    bosId: bosId === null ? null : checkedId(vocabulary, bosId, "the BOS id"),
    addBos: addBos ?? own.addBos,
    eosIds: endTokenIds(vocabulary, declaredEnds),
  });
}

type OwnParts = Pick<BpeParts, "alphabet" | "words" | "wholeWords" | "joinRule" | "dropFirstSpace" | "addBos">;

function byteLevelParts(metadata: Metadata, vocabulary: Vocabulary): OwnParts {
  const merges = strings(metadata, "merges");
  const named = preTokenizerNamed(metadata.has(`${PREFIX}pre`) ? text(metadata, "pre") : "default");
  return {
    ...named,
    alphabet: { kind: "bytes" },
    joinRule: () => joinByMerges(merges, vocabulary),
    dropFirstSpace: false,
  };
}

function sentencePieceParts(metadata: Metadata, vocabulary: Vocabulary): OwnParts {
  const scores = numbers(metadata, "scores", vocabulary.size);
  const prefix = flag(metadata, "add_space_prefix") ?? true;
  const unkId = idAt(metadata, "unknown_token_id", vocabulary) ?? vocabulary.idOf("<unk>") ?? null;
  const byteFallback = vocabulary.idOf(bytePiece(0x0a)) !== undefined;
  return {
    alphabet: { kind: "characters", byteFallback, unkId, fuseUnk: true },
    // The prefix stands before every stretch of text, after special tokens too: that is how these models were trained.
    words: (part) => [(prefix ? ` ${part}` : part).replaceAll(" ", "▁")],
    wholeWords: false,
    joinRule: () => joinByScores(scores, vocabulary),
    dropFirstSpace: prefix,
    addBos: true,
  };
}

function vocabularyOf(metadata: Metadata): Vocabulary {
  const pieces = strings(metadata, "tokens");
  if (pieces.length === 0) throw wrong("tokens", "a list of strings", pieces);
  if (!metadata.has(`${PREFIX}token_type`)) {
    return new Vocabulary(pieces, new Uint8Array(pieces.length).fill(TokenKind.normal));
  }
  const kinds = numbers(metadata, "token_type", pieces.length);
  const odd = kinds.find((kind) => !(kind >= TokenKind.undefined && kind <= TokenKind.byte));
  if (odd !== undefined) throw wrong("token_type", "a list of numbers from 0 to 6", odd);
  return new Vocabulary(pieces, Uint8Array.from(kinds));
}

function addedTokensOf(vocabulary: Vocabulary): AddedToken[] {
  const added: AddedToken[] = [];
  vocabulary.kinds.forEach((kind, id) => {
    const special = vocabulary.isSpecial(id);
    if (special || kind === TokenKind.user) added.push({ id, text: vocabulary.pieces[id]!, special });
  });
  return added;
}

function text(metadata: Metadata, key: string): string {
  const value = metadata.get(PREFIX + key);
  if (typeof value !== "string") throw wrong(key, "a string", value);
  return value;
}

function flag(metadata: Metadata, key: string): boolean | null {
  const value = metadata.get(PREFIX + key);
  if (value === undefined) return null;
  if (typeof value !== "boolean") throw wrong(key, "a boolean", value);
  return value;
}

function idAt(metadata: Metadata, key: string, vocabulary: Vocabulary): number | null {
  const value = metadata.get(PREFIX + key);
  if (value === undefined) return null;
  if (typeof value !== "number") throw wrong(key, "a number", value);
  return checkedId(vocabulary, value, PREFIX + key);
}

function strings(metadata: Metadata, key: string): readonly string[] {
  const value = metadata.get(PREFIX + key);
  if (!Array.isArray(value) || value.some((text) => typeof text !== "string")) {
    throw wrong(key, "a list of strings", value);
  }
  return value;
}

function numbers(metadata: Metadata, key: string, length: number): readonly number[] {
  const value = metadata.get(PREFIX + key);
  if (!Array.isArray(value) || value.some((number) => typeof number !== "number")) {
    throw wrong(key, "a list of numbers", value);
  }
  if (value.length === length) return value;
  throw new RunError(
    `Cannot load the tokenizer: ${PREFIX}${key} must have one entry for each of ${length} tokens: ` +
      `current length is ${value.length}`,
  );
}

function wrong(key: string, wanted: string, value: GgufValue | undefined): RunError {
  const found = value === undefined ? "missing" : Array.isArray(value) ? describe(value) : JSON.stringify(value);
  return new RunError(`Cannot load the tokenizer: ${PREFIX}${key} must be ${wanted}: current value is ${found}`);
}

function describe(list: readonly unknown[]): string {
  return list.length === 0 ? "an empty list" : "another list";
}
