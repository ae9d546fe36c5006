/** `normalizer` and `pre_tokenizer` of tokenizer.json as one splitter. */

import { GPT2_PATTERN } from "./gguf_pre_tokenizers.ts";
import { type Json, listAt, objectAt, textAt, wrongJson } from "./json.ts";
import { patternOfOniguruma, patternOfText } from "./pattern.ts";
import {
  inSequence,
  keepOnly,
  metaspace,
  type SpacePrefix,
  splitByPattern,
  splitDigits,
  type Splitter,
} from "./splitter.ts";

type Normalizer = (text: string) => string;

const UNICODE_FORMS = ["NFC", "NFD", "NFKC", "NFKD"];

/** Words of a stretch of text, and whether they are turned into bytes afterwards. */
export function wordsOfJson(normalizer: unknown, preTokenizer: unknown): { words: Splitter; byteLevel: boolean } {
  const normalize = normalizersOf(normalizer, "normalizer");
  const splitters = splittersOf(preTokenizer, "pre_tokenizer");
  const byteLevel = splitters.findIndex(({ type }) => type === "ByteLevel");
  if (byteLevel >= 0 && byteLevel !== splitters.length - 1) {
    throw wrongJson("pre_tokenizer", "a sequence that ends in ByteLevel", splitters.map(({ type }) => type).join(", "));
  }
  const split = inSequence(splitters.map(({ splitter }) => splitter));
  const words: Splitter = normalize.length === 0
    ? split
    : (text, atStart) => split(normalize.reduce((normal, step) => step(normal), text), atStart);
  return { words, byteLevel: byteLevel >= 0 };
}

function normalizersOf(value: unknown, where: string): Normalizer[] {
  if (value === null || value === undefined) return [];
  const step = objectAt(value, where);
  const type = textAt(step["type"], `${where}.type`);
  if (UNICODE_FORMS.includes(type)) return [(text) => text.normalize(type)];
  switch (type) {
    case "Sequence":
      return listAt(step["normalizers"], `${where}.normalizers`)
        .flatMap((inner, i) => normalizersOf(inner, `${where}.normalizers[${i}]`));
    case "Prepend": {
      const prefix = textAt(step["prepend"], `${where}.prepend`);
      return [(text) => text === "" ? text : prefix + text];
    }
    case "Replace": {
      const pattern = patternAt(step["pattern"], `${where}.pattern`);
      const content = textAt(step["content"], `${where}.content`);
      return [(text) => text.replace(pattern, () => content)];
    }
  }
  throw wrongJson(`${where}.type`, `one of ${UNICODE_FORMS.join(", ")}, Prepend, Replace, Sequence`, type);
}

interface NamedSplitter {
  readonly type: string;
  readonly splitter: Splitter;
}

function splittersOf(value: unknown, where: string): NamedSplitter[] {
  if (value === null || value === undefined) return [];
  const step = objectAt(value, where);
  const type = textAt(step["type"], `${where}.type`);
  switch (type) {
    case "Sequence":
      return listAt(step["pretokenizers"], `${where}.pretokenizers`)
        .flatMap((inner, i) => splittersOf(inner, `${where}.pretokenizers[${i}]`));
    case "ByteLevel":
      return [{ type, splitter: byteLevelSplitter(step) }];
    case "Split":
      return [{ type, splitter: patternSplitter(step, where) }];
    case "Digits":
      return [{ type, splitter: splitDigits(step["individual_digits"] === true) }];
    case "Metaspace":
      return [{ type, splitter: metaspaceSplitter(step, where) }];
  }
  throw wrongJson(`${where}.type`, "one of ByteLevel, Digits, Metaspace, Sequence, Split", type);
}

function byteLevelSplitter(step: Json): Splitter {
  const split: Splitter = step["use_regex"] === false ? (text) => [text] : splitByPattern(GPT2_PATTERN);
  if (step["add_prefix_space"] !== true) return split;
  return (text, atStart) => split(text.startsWith(" ") ? text : ` ${text}`, atStart);
}

function patternSplitter(step: Json, where: string): Splitter {
  const pattern = patternAt(step["pattern"], `${where}.pattern`);
  const behavior = textAt(step["behavior"], `${where}.behavior`);
  if (behavior === "Isolated") return splitByPattern(pattern);
  if (behavior === "Removed") return keepOnly(pattern, step["invert"] === true ? "matches" : "gaps");
  throw wrongJson(`${where}.behavior`, "Isolated or Removed", behavior);
}

function metaspaceSplitter(step: Json, where: string): Splitter {
  const scheme = step["prepend_scheme"] ?? (step["add_prefix_space"] === false ? "never" : "always");
  if (scheme !== "never" && scheme !== "first" && scheme !== "always") {
    throw wrongJson(`${where}.prepend_scheme`, "one of never, first, always", scheme);
  }
  if (step["replacement"] !== "▁") throw wrongJson(`${where}.replacement`, `"▁"`, step["replacement"]);
  return metaspace(scheme satisfies SpacePrefix, step["split"] !== false);
}

function patternAt(value: unknown, where: string): RegExp {
  const pattern = objectAt(value, where);
  if (typeof pattern["Regex"] === "string") return patternOfOniguruma(pattern["Regex"]);
  return patternOfText(textAt(pattern["String"], `${where}.String`));
}
