/** What both loaders promise beyond plain ids: BOS, special tokens, ends of turns, refusals, hostile input. */
import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import type { GgufValue, TextSource } from "../../lib/model/types.ts";
import { loadText } from "../../lib/text/load_text.ts";
import type { Tokenizer } from "../../lib/text/types.ts";

type HuggingFaceText = Extract<TextSource, { kind: "huggingface" }>;

const fixture = (style: string) =>
  JSON.parse(
    Deno.readTextFileSync(new URL(`../fixtures/text/${style}.tokenizer.json`, import.meta.url)),
  );

function fromJson(style: string, files: Partial<HuggingFaceText> = {}): Tokenizer {
  return loadText({
    kind: "huggingface",
    tokenizer: fixture(style),
    tokenizerConfig: {},
    generationConfig: {},
    configEos: [],
    configBos: null,
    chatTemplateFile: null,
    ...files,
  }).tokenizer;
}

const PIECES = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "<|im_end|>", "<0x0A>"];

/** A SentencePiece vocabulary of ten tokens, with these keys changed or, where undefined, left out. */
function fromGguf(changes: Record<string, GgufValue | undefined> = {}): Tokenizer {
  const keys: Record<string, GgufValue | undefined> = {
    model: "llama",
    tokens: PIECES,
    scores: PIECES.map((_, id) => -id),
    token_type: [2, 3, 3, 1, 1, 1, 1, 1, 3, 6],
    ...changes,
  };
  const given = Object.entries(keys).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined);
  return loadText({ kind: "gguf", metadata: new Map(given.map(([key, value]) => [`tokenizer.ggml.${key}`, value])) })
    .tokenizer;
}

/** A byte-level vocabulary with two merges. */
const byteLevel = (changes: Record<string, GgufValue | undefined> = {}) =>
  fromGguf({
    model: "gpt2",
    tokens: ["a", "b", "Ġ", "ab", "Ġab", "<|endoftext|>", "<|im_end|>", "<user>"],
    token_type: [1, 1, 1, 1, 1, 3, 3, 4],
    merges: ["a b", "Ġ ab"],
    scores: undefined,
    ...changes,
  });

Deno.test("encode() puts BOS in front once, and only where the model expects it", () => {
  const llama = fromJson("llama3");
  const bos = llama.bosId!;
  assert.equal(llama.piece(bos), "<|begin_of_text|>");
  assert.deepEqual(llama.encode(""), [bos]);
  assert.deepEqual(llama.encode("", { bos: false }), []);
  assert.deepEqual(llama.encode("<|begin_of_text|>Hi"), llama.encode("Hi"));
  assert.deepEqual(llama.encode("Hi", { bos: false }), llama.encode("Hi").slice(1));
  assert.deepEqual(fromJson("qwen2").encode(""), []);
});

Deno.test("add_bos_token of the file decides over what the family usually does", () => {
  assert.deepEqual(fromJson("llama3", { tokenizerConfig: { add_bos_token: false } }).encode(""), []);
  const named = { add_bos_token: true, bos_token: { content: "<|endoftext|>" } };
  const qwen = fromJson("qwen2", { tokenizerConfig: named });
  assert.deepEqual(qwen.encode(""), [qwen.bosId]);
  assert.deepEqual(fromGguf().encode(""), [1]);
  assert.deepEqual(fromGguf({ add_bos_token: false }).encode(""), []);
  assert.deepEqual(byteLevel().encode(""), []);
  assert.deepEqual(byteLevel({ add_bos_token: true, bos_token_id: 5 }).encode(""), [5]);
  assert.deepEqual(byteLevel({ add_bos_token: true }).encode(""), [], "there is no BOS to add");
  assert.deepEqual(byteLevel({ pre: "llama-bpe", bos_token_id: 5 }).encode(""), [5]);
});

Deno.test("bosId is what the post-processor adds, else what the configuration names", () => {
  assert.equal(fromJson("llama2", { tokenizerConfig: { bos_token: null }, configBos: 7 }).bosId, 1);
  assert.equal(fromJson("qwen2", { configBos: 7 }).bosId, 7);
  assert.equal(fromJson("qwen2", { tokenizerConfig: { bos_token: null }, configBos: 7 }).bosId, null);
});

Deno.test("encode() reads special tokens in the text only when allowed; user-defined ones always", () => {
  const tokenizer = byteLevel();
  assert.deepEqual(tokenizer.encode("ab<|im_end|> ab<user>"), [3, 6, 4, 7]);
  assert.deepEqual(tokenizer.encode("ab<|im_end|> ab<user>", { special: false }), [3, 4, 7], "no byte of it is known");
  const llama = fromJson("llama3");
  const ids = llama.encode("a<|eot_id|>b", { special: false, bos: false });
  assert.equal(llama.decode(ids), "a<|eot_id|>b");
  assert(!ids.some((id) => llama.eosIds.includes(id)));
});

Deno.test("a control token cannot be spelled out of its pieces", () => {
  const tokens = ["<", "s", ">", "<s", "<s>", "▁"];
  const spelled = fromGguf({ tokens, scores: [0, 0, 0, -1, -2, 0], token_type: [1, 1, 1, 1, 3, 1], bos_token_id: 4 });
  assert.deepEqual(spelled.encode("<s>", { special: false, bos: false }), [5, 3, 2]);
  assert.deepEqual(spelled.encode("<s>"), [4]);
});

Deno.test("the whole-word rule does not make control tokens", () => {
  const tokens = ["<", ">", "<>", "<|endoftext|>"];
  const whole = (kind: number) => byteLevel({ pre: "llama-bpe", tokens, token_type: [1, 1, kind, 3], merges: [] });
  assert.deepEqual(whole(1).encode("<>", { special: false }), [2]);
  assert.deepEqual(whole(3).encode("<>", { special: false }), [0, 1]);
});

Deno.test("a byte order mark is part of its word, in the cache as well", () => {
  const tokenizer = fromJson("llama3");
  const marked = tokenizer.encode("\ufeffbyte");
  assert.deepEqual(tokenizer.encode("byte"), fromJson("llama3").encode("byte"));
  assert.notDeepEqual(tokenizer.encode("byte"), marked);
});

Deno.test("decode() leaves special tokens out unless asked for", () => {
  const tokenizer = byteLevel();
  assert.equal(tokenizer.decode([3, 6, 4, 7]), "ab ab<user>");
  assert.equal(tokenizer.decode([3, 6, 4, 7], { special: true }), "ab<|im_end|> ab<user>");
  assert.equal(tokenizer.decode([]), "");
});

Deno.test("ids without a token decode to nothing and are shown as ids", () => {
  const tokenizer = byteLevel();
  assert.equal(tokenizer.decode([3, 999, -1, 3]), "abab");
  assert.equal(tokenizer.piece(999), "[id 999]");
  assert.equal(tokenizer.piece(4), "Ġab");
  assert.equal(tokenizer.vocabSize, 8);
});

Deno.test("the SentencePiece space in front of a text comes and goes as the file says", () => {
  const prefixed = fromGguf();
  assert.deepEqual(prefixed.encode("ab ab", { bos: false }), [7, 7]);
  assert.equal(prefixed.decode([7, 7]), "ab ab");
  assert.deepEqual(prefixed.encode("ab</s>ab", { bos: false }), [7, 2, 7], "also after a special token");
  const plain = fromGguf({ add_space_prefix: false });
  assert.deepEqual(plain.encode("ab ab", { bos: false }), [6, 7]);
  assert.equal(plain.decode([7, 7]), " ab ab");
});

Deno.test("characters outside a SentencePiece vocabulary become bytes where all are there, else one unknown token", () => {
  const tokenizer = fromGguf();
  assert.deepEqual(tokenizer.encode("a\nb", { bos: false }), [3, 4, 9, 5]);
  assert.deepEqual(tokenizer.encode("aéüb", { bos: false }), [3, 4, 0, 5]);
  assert.equal(tokenizer.decode([3, 4, 9, 5]), "a\nb");
});

Deno.test("a merge that reaches over a space is found even though words are cached apart", () => {
  const tokens = ["▁", "a", "b", "a▁", "a▁b", "<s>"];
  const tokenizer = fromGguf({
    tokens,
    scores: tokens.map((_, id) => -id),
    token_type: [1, 1, 1, 1, 1, 3],
    bos_token_id: 5,
    eos_token_id: 5,
  });
  assert.deepEqual(tokenizer.encode("a b", { bos: false }), [0, 4]);
});

Deno.test("eosIds holds every declared end and the well-known ones of the vocabulary", () => {
  const qwen = fromJson("qwen2");
  const id = (text: string) => qwen.encode(text)[0]!;
  const [imEnd, endOfText, imStart] = [id("<|im_end|>"), id("<|endoftext|>"), id("<|im_start|>")];
  assert.deepEqual(qwen.eosIds, [imEnd, endOfText]);
  const sources = {
    generationConfig: { eos_token_id: [3, 4] },
    configEos: [5],
    tokenizerConfig: { eos_token: "<|im_start|>" },
  };
  assert.deepEqual(fromJson("qwen2", sources).eosIds, [3, 4, 5, imStart, imEnd, endOfText]);
  assert.deepEqual(fromGguf().eosIds, [2, 8]);
  assert.deepEqual(fromGguf({ eos_token_id: 8, eot_token_id: 6, eom_token_id: 7 }).eosIds, [8, 6, 7, 2]);
  assert.deepEqual(byteLevel({ token_type: [1, 1, 1, 1, 1, 3, 1, 4] }).eosIds, [5], "a normal token is just text");
});

Deno.test("every kind of BPE copes with broken and monotonous text", async (t) => {
  for (const style of ["gpt2", "smollm", "llama3", "qwen2", "tekken", "llama2", "mistral"]) {
    await t.step(style, () => {
      const tokenizer = fromJson(style);
      const text = (ids: readonly number[]) => tokenizer.decode(ids);
      assert.equal(text(tokenizer.encode("a\ud800b \udc00")), "a\ufffdb \ufffd");
      assert.doesNotThrow(() => text(Array.from({ length: tokenizer.vocabSize }, (_, id) => id)));
      // A quadratic step would take minutes here.
      for (const unit of ["a", " ", "\n", "1", "!", "é", "ab", "a ", " \n", "<|"]) {
        const long = unit.repeat(100_000 / unit.length);
        // This style puts no space before a text that has one, and decoding drops it all the same.
        const kept = style === "mistral" ? long.replace(/^ /, "") : long;
        assert(text(tokenizer.encode(long)) === kept, JSON.stringify(unit));
      }
    });
  }
});

/** Wanted message of a tokenizer.json changed at one place. */
const REFUSED_JSON: [path: string, value: unknown, message: string][] = [
  ["model.type", "Unigram", 'model.type must be "BPE": current value is "Unigram"'],
  ["model.type", "WordPiece", 'model.type must be "BPE": current value is "WordPiece"'],
  ["model", null, "model must be an object: current value is null"],
  ["model.vocab", [], "model.vocab must be an object: current value is a list"],
  ["model.vocab", { a: -1 }, 'model.vocab["a"] must be an integer from 0 to 4194303: current value is -1'],
  ["model.vocab", { a: 1e12 }, 'model.vocab["a"] must be an integer from 0 to 4194303: current value is 1000000000000'],
  ["model.merges", {}, "model.merges must be a list: current value is {}"],
  ["model.merges", [["a"]], 'model.merges[0] must be two pieces without spaces: current value is "a"'],
  ["model.merges", [7], "model.merges[0] must be a string: current value is 7"],
  ["model.end_of_word_suffix", "</w>", 'model.end_of_word_suffix must be empty: current value is "</w>"'],
  [
    "normalizer",
    { type: "Lowercase" },
    'normalizer.type must be one of NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence: current value is "Lowercase"',
  ],
  [
    "normalizer",
    { type: "Sequence", normalizers: [{ type: "Precompiled" }] },
    'normalizer.normalizers[0].type must be one of NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence: current value is "Precompiled"',
  ],
  [
    "pre_tokenizer",
    { type: "BertPreTokenizer" },
    'pre_tokenizer.type must be one of ByteLevel, Digits, Metaspace, Sequence, Split: current value is "BertPreTokenizer"',
  ],
  [
    "pre_tokenizer",
    { type: "Split", pattern: { Regex: "a++|(?>b)" }, behavior: "Isolated" },
    'a pattern must have a JavaScript equivalent: current value is "a++|(?>b)"',
  ],
  [
    "pre_tokenizer",
    { type: "Split", pattern: { String: " " }, behavior: "Contiguous" },
    'pre_tokenizer.behavior must be Isolated or Removed: current value is "Contiguous"',
  ],
  [
    "pre_tokenizer",
    { type: "Sequence", pretokenizers: [{ type: "ByteLevel" }, { type: "Digits" }] },
    'pre_tokenizer must be a sequence that ends in ByteLevel: current value is "ByteLevel, Digits"',
  ],
  [
    "post_processor",
    { type: "BertProcessing" },
    'post_processor.type must be one of ByteLevel, Sequence, TemplateProcessing: current value is "BertProcessing"',
  ],
  [
    "decoder",
    { type: "WordPiece" },
    'decoder.type must be one of ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip: current value is "WordPiece"',
  ],
  ["added_tokens", [{ id: 1 }], "added_tokens[0].content must be a string: current value is missing"],
];

Deno.test("tokenizer.json is refused with the field that does not fit", async (t) => {
  for (const [path, value, message] of REFUSED_JSON) {
    await t.step(message, () => {
      const tokenizer = fixture("gpt2");
      const [field, inner] = path.split(".");
      if (inner === undefined) tokenizer[field!] = value;
      else tokenizer[field!][inner] = value;
      assert.throws(() => fromJson("gpt2", { tokenizer }), new RunError(`Cannot load the tokenizer: ${message}`));
    });
  }
  assert.throws(
    () => fromJson("gpt2", { configEos: [100_000] }),
    /an EOS id must be an integer from 0 to \d+: current/,
  );
  assert.throws(() => fromJson("gpt2", { generationConfig: { eos_token_id: "x" } }), /eos_token_id must be an integer/);
});

const PRE_NAMES = "default, gpt-2, smollm, llama-bpe, llama3, llama-v3, qwen2, deepseek-r1-qwen, tekken";
const REFUSED_GGUF: [changes: Record<string, GgufValue | undefined>, message: string][] = [
  [
    { model: "bert" },
    'tokenizer.ggml.model must be gpt2 (byte-level BPE) or llama (SentencePiece BPE): current value is "bert"',
  ],
  [{ model: undefined }, "tokenizer.ggml.model must be a string: current value is missing"],
  [
    { model: "gpt2", merges: [], pre: "falcon" },
    `tokenizer.ggml.pre must be one of ${PRE_NAMES}: current value is "falcon"`,
  ],
  [
    { model: "gpt2", merges: [], pre: "constructor" },
    `tokenizer.ggml.pre must be one of ${PRE_NAMES}: current value is "constructor"`,
  ],
  [{ model: "gpt2" }, "tokenizer.ggml.merges must be a list of strings: current value is missing"],
  [{ tokens: undefined }, "tokenizer.ggml.tokens must be a list of strings: current value is missing"],
  [{ tokens: [] }, "tokenizer.ggml.tokens must be a list of strings: current value is an empty list"],
  [{ tokens: [1, 2] }, "tokenizer.ggml.tokens must be a list of strings: current value is another list"],
  [{ scores: [0] }, "tokenizer.ggml.scores must have one entry for each of 10 tokens: current length is 1"],
  [{ scores: undefined }, "tokenizer.ggml.scores must be a list of numbers: current value is missing"],
  [
    { token_type: PIECES.map(() => 300) },
    "tokenizer.ggml.token_type must be a list of numbers from 0 to 6: current value is 300",
  ],
  [{ bos_token_id: 10 }, "tokenizer.ggml.bos_token_id must be an integer from 0 to 9: current value is 10"],
  [{ eos_token_id: -1 }, "tokenizer.ggml.eos_token_id must be an integer from 0 to 9: current value is -1"],
  [{ eot_token_id: "2" }, 'tokenizer.ggml.eot_token_id must be a number: current value is "2"'],
  [{ add_bos_token: 1 }, "tokenizer.ggml.add_bos_token must be a boolean: current value is 1"],
];

Deno.test("a GGUF vocabulary is refused with the key that does not fit", async (t) => {
  for (const [changes, message] of REFUSED_GGUF) {
    await t.step(message, () => {
      assert.throws(() => fromGguf(changes), new RunError(`Cannot load the tokenizer: ${message}`));
    });
  }
});
