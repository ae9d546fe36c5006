/** Words of Chinese texts. */
import { createRequire } from "node:module";
import type { Jieba } from "@node-rs/jieba";
import { RunError } from "../../error.ts";
import { pythonWords } from "./python_text.ts";

let jieba: Jieba | null = null;

/**
 * Words of a text, by jieba with its own dictionary and its model of unknown words.
 *
 * @throws {RunError} where its native module cannot be loaded: nothing else gives comparable words.
 */
export function chineseWords(text: string): string[] {
  return (jieba ??= loadJieba()).cut(text, true);
}

/** Loaded at the first word: it has a dictionary of 5 MB, and scores are computed without waiting. */
function loadJieba(): Jieba {
  const require = createRequire(import.meta.url);
  try {
    const { Jieba } = require("@node-rs/jieba") as typeof import("@node-rs/jieba");
    const { dict } = require("@node-rs/jieba/dict.js") as { dict: Uint8Array };
    return Jieba.withDict(dict);
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    throw new RunError(`Cannot score Chinese answers: the segmenter @node-rs/jieba does not load here: ${why}`);
  }
}

/** Lower case, without white space and without the punctuation of ASCII and of Chinese texts. */
export function normaliseChinese(text: string): string {
  return pythonWords(text.toLowerCase().replace(PUNCTUATION, "")).join("");
}

// ASCII; full-width forms; ideographic marks; brackets and dashes; quotes; the dots of lists and ellipses.
const PUNCTUATION =
  /[!-/:-@[-`{-~\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\u3001\u3002\u3003\u3008-\u3011\u3014-\u301f\u3030\u303e\u303f\u2013\u2014\u2018-\u201b\u201c-\u201f\u2026\u2027\ufe4f]/g;
