/** From what a model's files say about text to a tokenizer and a chat template. */

import type { TextSource } from "../model/types.ts";
import type { BpeTokenizer } from "./bpe_tokenizer.ts";
import { JinjaChatTemplate } from "./chat_template.ts";
import { ggufTokenizer } from "./gguf_tokenizer.ts";
import { jsonTokenizer, tokenText } from "./json_tokenizer.ts";
import type { ModelText } from "./types.ts";

/**
 * Byte-pair encoding tokenizers, byte-level or SentencePiece-style, from `tokenizer.json` or a GGUF vocabulary.
 *
 * The tables that only encoding needs are built with the first text; other kinds of tokenizers are refused by name.
 *
 * @throws {RunError} naming the field that is missing, malformed or not supported.
 */
export function loadText(source: TextSource): ModelText {
  const tokenizer = source.kind === "gguf" ? ggufTokenizer(source.metadata) : jsonTokenizer(source);
  const template = templateOf(source);
  const chat = template === null ? null : new JinjaChatTemplate(template, specialTokens(source, tokenizer));
  return { tokenizer, chat };
}

function templateOf(source: TextSource): string | null {
  if (source.kind === "gguf") {
    const template = source.metadata.get("tokenizer.chat_template");
    return typeof template === "string" ? template : null;
  }
  if (source.chatTemplateFile !== null) return source.chatTemplateFile;
  const template = source.tokenizerConfig["chat_template"];
  if (typeof template === "string") return template;
  // A list names one template per purpose: default, tool_use, rag.
  const named = Array.isArray(template) ? template.find((entry) => entry?.name === "default")?.template : null;
  return typeof named === "string" ? named : null;
}

function specialTokens(source: TextSource, tokenizer: BpeTokenizer): { bos_token: string; eos_token: string } {
  const piece = (id: number | null | undefined) => id === null || id === undefined ? "" : tokenizer.piece(id);
  const config = source.kind === "gguf" ? {} : source.tokenizerConfig;
  return {
    bos_token: tokenText(config["bos_token"]) ?? piece(tokenizer.bosId),
    eos_token: tokenText(config["eos_token"]) ?? piece(tokenizer.eosIds[0]),
  };
}
