/** Tokenizer of a Hugging Face folder: `tokenizer.json` and what its neighbours say about special tokens. */

import { RunError } from "../error.ts";
import type { TextSource } from "../model/types.ts";
import type { AddedToken } from "./added_tokens.ts";
import { BpeTokenizer } from "./bpe_tokenizer.ts";
import { checkedId, endTokenIds } from "./eos.ts";
import { type Json, listAt, objectAt, textAt, wrongJson } from "./json.ts";
import { wordsOfJson } from "./json_words.ts";
import { joinByMerges } from "./pair_table.ts";
import { TokenKind, Vocabulary } from "./vocabulary.ts";

type HuggingFaceText = Extract<TextSource, { kind: "huggingface" }>;

/** Largest id that a vocabulary may use; a file that claims more is damaged. */
const MAX_TOKENS = 1 << 22;

/**
 * Every added token is looked for in the text as written. (The original looks for those marked `normalized` after
 * normalisation; that differs only where the normaliser would change the token's own characters.)
 *
 * @throws {RunError} naming the field that is missing, malformed or not supported.
 */
export function jsonTokenizer(source: HuggingFaceText): BpeTokenizer {
  const { tokenizer, tokenizerConfig, generationConfig } = source;
  const model = bpeModel(tokenizer["model"]);
  const added = addedTokensOf(tokenizer["added_tokens"]);
  const vocabulary = vocabularyOf(model, added);
  const { words, byteLevel } = wordsOfJson(tokenizer["normalizer"], tokenizer["pre_tokenizer"]);
  const merges = mergesOf(model["merges"]);
  const unk = model["unk_token"];
  const templateBos = firstTokenOf(tokenizer["post_processor"], vocabulary);
  const bosId = templateBos ?? namedToken(tokenizerConfig, "bos_token", vocabulary, source.configBos);
  const addBos = tokenizerConfig["add_bos_token"];
  const declaredEnds = [
    ...numbersOf(generationConfig["eos_token_id"]),
    ...source.configEos,
    ...numbersOf(namedToken(tokenizerConfig, "eos_token", vocabulary, null)),
  ];
  return new BpeTokenizer({
    vocabulary,
    joinRule: () => joinByMerges(merges, vocabulary),
    added,
    words,
    alphabet: byteLevel ? { kind: "bytes" } : {
      kind: "characters",
      byteFallback: model["byte_fallback"] === true,
      unkId: typeof unk === "string" ? vocabulary.idOf(unk) ?? null : null,
      fuseUnk: model["fuse_unk"] === true,
    },
    wholeWords: model["ignore_merges"] === true,
    dropFirstSpace: dropsFirstSpace(tokenizer["decoder"], "decoder"),
    bosId: bosId === null ? null : checkedId(vocabulary, bosId, "the BOS id"),
    addBos: typeof addBos === "boolean" ? addBos : templateBos !== null,
    eosIds: endTokenIds(vocabulary, declaredEnds),
  });
}

/** The text that a special token of `tokenizer_config.json` stands for: a string, or an object that holds one. */
export function tokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  const content = typeof value === "object" && value !== null && "content" in value ? value.content : null;
  return typeof content === "string" ? content : null;
}

function bpeModel(value: unknown): Json {
  const model = objectAt(value, "model");
  if (model["type"] !== undefined && model["type"] !== "BPE") throw wrongJson("model.type", `"BPE"`, model["type"]);
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[key]) throw wrongJson(`model.${key}`, "empty", model[key]);
  }
  return model;
}

/** Merges as "left right"; newer files write [left, right]. */
function mergesOf(value: unknown): string[] {
  return listAt(value, "model.merges").map((merge, i) => {
    if (!Array.isArray(merge)) return textAt(merge, `model.merges[${i}]`);
    const [left, right] = merge;
    if (merge.length === 2 && isHalf(left) && isHalf(right)) return `${left} ${right}`;
    throw wrongJson(`model.merges[${i}]`, "two pieces without spaces", merge.join(", "));
  });
}

const isHalf = (value: unknown): boolean => typeof value === "string" && !value.includes(" ");

function addedTokensOf(value: unknown): AddedToken[] {
  return listAt(value ?? [], "added_tokens").map((entry, i) => {
    const token = objectAt(entry, `added_tokens[${i}]`);
    return {
      id: idOf(token["id"], `added_tokens[${i}].id`),
      text: textAt(token["content"], `added_tokens[${i}].content`),
      special: token["special"] === true,
      lstrip: token["lstrip"] === true,
      rstrip: token["rstrip"] === true,
      singleWord: token["single_word"] === true,
    };
  });
}

function vocabularyOf(model: Json, added: readonly AddedToken[]): Vocabulary {
  const ids = Object.entries(objectAt(model["vocab"], "model.vocab"));
  let size = 0;
  for (const [piece, id] of ids) size = Math.max(size, idOf(id, `model.vocab[${JSON.stringify(piece)}]`) + 1);
  for (const { id } of added) size = Math.max(size, id + 1);
  const pieces = new Array<string>(size).fill("");
  const kinds = new Uint8Array(size).fill(TokenKind.normal);
  const byteFallback = model["byte_fallback"] === true;
  for (const [piece, id] of ids as [string, number][]) {
    pieces[id] = piece;
    if (byteFallback && /^<0x[0-9A-F]{2}>$/.test(piece)) kinds[id] = TokenKind.byte;
  }
  for (const { id, text, special } of added) {
    pieces[id] = text;
    kinds[id] = special ? TokenKind.control : TokenKind.user;
  }
  return new Vocabulary(pieces, kinds);
}

function idOf(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < MAX_TOKENS) return value;
  throw wrongJson(where, `an integer from 0 to ${MAX_TOKENS - 1}`, value);
}

/** Id of a special token that the configuration names; `fallback` where it says nothing about it. */
function namedToken(config: Json, key: string, vocabulary: Vocabulary, fallback: number | null): number | null {
  if (config[key] === undefined) return fallback;
  const text = tokenText(config[key]);
  return text === null ? null : vocabulary.idOf(text) ?? null;
}

/** The special token that the post-processor puts in front of every text, if it does. */
function firstTokenOf(value: unknown, vocabulary: Vocabulary): number | null {
  if (value === null || value === undefined) return null;
  const step = objectAt(value, "post_processor");
  switch (step["type"]) {
    case "ByteLevel": // only moves offsets
      return null;
    case "Sequence": {
      const steps = listAt(step["processors"], "post_processor.processors");
      return steps.map((inner) => firstTokenOf(inner, vocabulary)).find((id) => id !== null) ?? null;
    }
    case "TemplateProcessing": {
      const first = objectAt(listAt(step["single"], "post_processor.single")[0], "post_processor.single[0]");
      const special = first["SpecialToken"];
      if (special === undefined) return null;
      const name = textAt(objectAt(special, "post_processor.single[0].SpecialToken")["id"], "post_processor.single[0]");
      return vocabulary.idOf(name) ?? null;
    }
  }
  throw wrongJson("post_processor.type", "one of ByteLevel, Sequence, TemplateProcessing", step["type"]);
}

/** Whether decoding drops the space in front of a text. What else the decoders do follows from the vocabulary. */
function dropsFirstSpace(value: unknown, where: string): boolean {
  if (value === null || value === undefined) return false;
  const step = objectAt(value, where);
  switch (step["type"]) {
    case "ByteLevel":
    case "ByteFallback":
    case "Fuse":
    case "Replace":
      return false;
    case "Strip":
      return step["content"] === " " && step["start"] === 1;
    case "Metaspace":
      return (step["prepend_scheme"] ?? "always") !== "never" && step["add_prefix_space"] !== false;
    case "Sequence":
      return listAt(step["decoders"], `${where}.decoders`)
        .some((inner, i) => dropsFirstSpace(inner, `${where}.decoders[${i}]`));
  }
  const known = "one of ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip";
  throw wrongJson(`${where}.type`, known, step["type"]);
}

/** `eos_token_id` is one id or a list. */
function numbersOf(value: unknown): number[] {
  if (value === null || value === undefined) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id) => typeof id === "number")) return ids;
  throw new RunError(
    `Cannot load the tokenizer: eos_token_id must be an integer or a list of integers: current value is ${
      JSON.stringify(value)
    }`,
  );
}
