import assert from "node:assert/strict";
import { AddedTokens } from "../../lib/text/added_tokens.ts";
import { wordsOfJson } from "../../lib/text/json_words.ts";
import { patternOfOniguruma, patternOfText } from "../../lib/text/pattern.ts";
import { inSequence, keepOnly, metaspace, splitByPattern, splitDigits } from "../../lib/text/splitter.ts";

Deno.test("patternOfOniguruma() gives the shorthand classes their Unicode meaning", () => {
  const matches = (pattern: string, text: string) => text.match(patternOfOniguruma(pattern)) ?? [];
  assert.deepEqual(matches("\\s", "a\u0085\u00a0\ufeff\u3000"), ["\u0085", "\u00a0", "\u3000"]);
  assert.deepEqual(matches("[^\\s]+", "a\u0085b c"), ["a", "b", "c"]);
  assert.deepEqual(matches("\\S+", "é\u2003ü"), ["é", "ü"]);
  assert.deepEqual(matches("\\d+|\\D", "x\u0661\u0662"), ["x", "\u0661\u0662"]);
  assert.deepEqual(matches("[\\w-]+", "né_3-x y"), ["né_3-x", "y"]);
  assert.deepEqual(matches("\\W", "né_3!"), ["!"]);
});

Deno.test("patternOfOniguruma() reads anchors by line and drops needless backslashes", () => {
  assert.deepEqual("a\nb".match(patternOfOniguruma("^b$")), ["b"]);
  assert.deepEqual(`'"-`.match(patternOfOniguruma(`\\'\\"[\\-]`)), [`'"-`]);
  assert.deepEqual("it'S".match(patternOfOniguruma("(?i:'s)")), ["'S"]);
});

Deno.test("patternOfText() matches nothing but the text", () => {
  for (const text of ["a.b", "[x]", "(?:)", "\\s", "^$", "{2}", "a|b", "*+?"]) {
    assert.deepEqual(`..${text}..`.match(patternOfText(text)), [text]);
  }
});

Deno.test("splitters keep every character, or what they are told to keep", () => {
  assert.deepEqual(splitByPattern(/b+/gu)("abbcb", true), ["a", "bb", "c", "b"]);
  assert.deepEqual(splitByPattern(/x*/gu)("axx", true), ["a", "xx"]);
  assert.deepEqual(splitByPattern(/x*/gu)("xx", true), ["xx"]);
  assert.deepEqual(splitByPattern(/x/gu)("", true), []);
  assert.deepEqual(keepOnly(/\s+/gu, "gaps")("a b  c", true), ["a", "b", "c"]);
  assert.deepEqual(keepOnly(/\S+/gu, "matches")("a b  c", true), ["a", "b", "c"]);
  assert.deepEqual(splitDigits(true)("a12b", true), ["a", "1", "2", "b"]);
  assert.deepEqual(splitDigits(false)("a12b", true), ["a", "12", "b"]);
  assert.deepEqual(inSequence([splitDigits(true), splitByPattern(/b/gu)])("ab1b", true), ["a", "b", "1", "b"]);
  assert.deepEqual(inSequence([])("as it is", true), ["as it is"]);
});

Deno.test("metaspace() prefixes where its scheme says, and never twice", () => {
  assert.deepEqual(metaspace("always", false)("a b", false), ["▁a▁b"]);
  assert.deepEqual(metaspace("always", false)(" a", false), ["▁a"]);
  assert.deepEqual(metaspace("first", false)("a", false), ["a"]);
  assert.deepEqual(metaspace("first", false)("a", true), ["▁a"]);
  assert.deepEqual(metaspace("never", false)("a", true), ["a"]);
  assert.deepEqual(metaspace("always", true)("a  b", true), ["▁a", "▁", "▁b"]);
  const later = inSequence([splitByPattern(/x/gu), metaspace("first", false)]);
  assert.deepEqual(later("axb", true), ["▁a", "x", "b"]);
});

Deno.test("wordsOfJson() normalises in order, then splits", () => {
  const replace = { type: "Replace", pattern: { Regex: "x+" }, content: "$&" };
  const prepend = { type: "Prepend", prepend: "p" };
  const words = (normalizer: unknown, preTokenizer: unknown, text: string) =>
    wordsOfJson(normalizer, preTokenizer).words(text, true);
  assert.deepEqual(words({ type: "Sequence", normalizers: [replace, prepend] }, null, "axx"), ["pa$&"]);
  assert.deepEqual(words({ ...replace, content: "" }, null, "xx"), [""]);
  assert.deepEqual(words({ type: "Sequence", normalizers: [{ ...replace, content: "" }, prepend] }, null, "xx"), [""]);
  assert.deepEqual(words({ type: "NFKC" }, null, "ﬁ２"), ["fi2"]);
  assert.deepEqual(words(null, { type: "ByteLevel", add_prefix_space: true }, "a b"), [" a", " b"]);
  assert.deepEqual(words(null, { type: "ByteLevel", add_prefix_space: true }, " a b"), [" a", " b"]);
  assert.deepEqual(words(null, { type: "ByteLevel", add_prefix_space: false, use_regex: false }, "a b"), ["a b"]);
  const split = { type: "Split", pattern: { String: "." }, behavior: "Removed", invert: false };
  assert.deepEqual(words(null, split, "a.b..c"), ["a", "b", "c"]);
  assert.deepEqual(words(null, { ...split, invert: true }, "a.b"), ["."]);
});

Deno.test("AddedTokens.split() takes the longest token at the leftmost place", () => {
  const tokens = new AddedTokens([
    { id: 1, text: "<a>", special: true },
    { id: 2, text: "<a><b>", special: true },
    { id: 3, text: "a><", special: false },
    { id: 4, text: "", special: false },
  ]);
  assert.deepEqual(tokens.split("x<a><b>y", true), ["x", 2, "y"]);
  assert.deepEqual(tokens.split("<a><a>", true), [1, 1]);
  assert.deepEqual(tokens.split("<a><c", true), [1, "<c"]);
  assert.deepEqual(tokens.split("<a><c", false), ["<", 3, "c"]);
  assert.deepEqual(tokens.split("", true), []);
});

Deno.test("AddedTokens.split() strips and stands alone as the tokens say", () => {
  const tokens = new AddedTokens([
    { id: 1, text: "|l|", special: true, lstrip: true },
    { id: 2, text: "|r|", special: true, rstrip: true },
    { id: 3, text: "w", special: false, singleWord: true },
  ]);
  assert.deepEqual(tokens.split("a \n|l| b", true), ["a", 1, " b"]);
  assert.deepEqual(tokens.split("a |r| \u3000b", true), ["a ", 2, "b"]);
  assert.deepEqual(tokens.split("|r|  |l|", true), [2, 1]);
  assert.deepEqual(tokens.split("w ww w_ (w)", true), [3, " ww w_ (", 3, ")"]);
});
