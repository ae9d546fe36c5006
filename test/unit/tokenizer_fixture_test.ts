/** Both loaders against ids that independent implementations gave; `scripts/make_text_fixture.py` made the fixtures. */
import assert from "node:assert/strict";
import type { GgufValue, TextSource } from "../../lib/model/types.ts";
import { loadText } from "../../lib/text/load_text.ts";
import type { Tokenizer } from "../../lib/text/types.ts";

interface Case {
  readonly ids: number[];
  readonly decoded: string;
  readonly all: string;
}

interface TokenizerJson {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] };
  readonly added_tokens: { readonly id: number; readonly content: string; readonly special: boolean }[];
}

const read = (name: string) => JSON.parse(Deno.readTextFileSync(new URL(`../fixtures/text/${name}`, import.meta.url)));

const { texts, styles } = read("style_ids.json") as { texts: string[]; styles: Record<string, Case[]> };

/** `tokenizer.ggml.pre` of the byte-level styles. */
const PRE: Record<string, string> = {
  gpt2: "gpt-2",
  smollm: "smollm",
  llama3: "llama-bpe",
  qwen2: "qwen2",
  tekken: "tekken",
};

/** Texts whose added tokens swallow spaces or stand alone, which a GGUF file cannot say. */
const JSON_ONLY = /<\|strip\|>|rkv/;

function fromJson(style: string): Tokenizer {
  const source: TextSource = {
    kind: "huggingface",
    tokenizer: read(`${style}.tokenizer.json`),
    tokenizerConfig: {},
    generationConfig: {},
    configEos: [],
    configBos: null,
    chatTemplateFile: null,
  };
  return loadText(source).tokenizer;
}

/** The same vocabulary as the converters of GGUF files write it. */
function fromGguf(style: string): Tokenizer {
  const { model, added_tokens: added } = read(`${style}.tokenizer.json`) as TokenizerJson;
  const tokens: string[] = [];
  for (const [piece, id] of Object.entries(model.vocab)) tokens[id] = piece;
  for (const { id, content } of added) tokens[id] = content;
  const types: number[] = tokens.map((piece) => style === "llama2" && /^<0x..>$/.test(piece) ? 6 : 1);
  for (const { id, content, special } of added) types[id] = content === "<unk>" ? 2 : special ? 3 : 4;
  const metadata = new Map<string, GgufValue>([["tokenizer.ggml.tokens", tokens], [
    "tokenizer.ggml.token_type",
    types,
  ]]);
  if (style === "llama2") {
    metadata.set("tokenizer.ggml.model", "llama");
    metadata.set("tokenizer.ggml.scores", tokens.map((_, id) => Math.min(0, 259 - id)));
  } else {
    metadata.set("tokenizer.ggml.model", "gpt2");
    metadata.set("tokenizer.ggml.pre", PRE[style]!);
    metadata.set("tokenizer.ggml.merges", model.merges.map((pair) => pair.join(" ")));
    const bos = tokens.findIndex((piece) => piece === "<|begin_of_text|>" || piece === "<s>");
    if (bos >= 0) metadata.set("tokenizer.ggml.bos_token_id", bos);
  }
  return loadText({ kind: "gguf", metadata }).tokenizer;
}

function check(tokenizer: Tokenizer, text: string, { ids, decoded, all }: Case): void {
  // The original adds BOS even where the text begins with it; rocketkv does not.
  const wanted = tokenizer.addBos && ids[0] === ids[1] && ids[0] === tokenizer.bosId ? ids.slice(1) : ids;
  assert.deepEqual(tokenizer.encode(text), wanted);
  assert.equal(tokenizer.decode(ids), decoded);
  assert.equal(tokenizer.decode(ids, { special: true }), all);
  const stream = tokenizer.stream();
  assert.equal(ids.map((id) => stream.push(id)).join("") + stream.flush(), decoded);
}

for (const [style, cases] of Object.entries(styles)) {
  Deno.test(`the ${style} style of tokenizer.json gives the reference's ids and text`, async (t) => {
    const tokenizer = fromJson(style);
    for (const [i, text] of texts.entries()) {
      await t.step(JSON.stringify(text), () => check(tokenizer, text, cases[i]!));
    }
  });
}

for (const style of [...Object.keys(PRE), "llama2"]) {
  Deno.test(`the ${style} style of GGUF vocabularies gives the reference's ids and text`, async (t) => {
    const tokenizer = fromGguf(style);
    for (const [i, text] of texts.entries()) {
      if (style === "qwen2" && JSON_ONLY.test(text)) continue;
      await t.step(JSON.stringify(text), () => check(tokenizer, text, styles[style]![i]!));
    }
  });
}

Deno.test("encoding never joins across the words that are cached", () => {
  // The same text in one piece and after its words were seen in other company.
  for (const style of Object.keys(styles)) {
    const [fresh, used] = [fromJson(style), fromJson(style)];
    for (const text of texts) used.encode(text.split("").reverse().join(""));
    for (const text of texts) assert.deepEqual(used.encode(text), fresh.encode(text));
  }
});

Deno.test("a text that continues another keeps the space in front of its first word", () => {
  for (const style of ["llama2", "mistral"]) {
    const tokenizer = fromJson(style);
    const ids = tokenizer.encode("is Paris", { bos: false });
    for (const [continues, wanted] of [[false, "is Paris"], [true, " is Paris"]] as const) {
      const stream = tokenizer.stream({ continues });
      assert.equal(ids.map((id) => stream.push(id)).join("") + stream.flush(), wanted, style);
    }
  }
});
