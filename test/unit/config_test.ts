import assert from "node:assert/strict";
import { configFromGguf } from "../../lib/model/config_gguf.ts";
import { configFromHuggingFace } from "../../lib/model/config_huggingface.ts";
import type { GgufValue, ModelConfig } from "../../lib/model/types.ts";
import { refusal } from "../support/model_files.ts";

const LLAMA3 = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 128256,
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  rope_scaling: {
    rope_type: "llama3",
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
  hidden_act: "silu",
  tie_word_embeddings: true,
};

const GGUF: Record<string, GgufValue> = {
  "general.architecture": "qwen2",
  "qwen2.block_count": 24,
  "qwen2.context_length": 32768,
  "qwen2.embedding_length": 896,
  "qwen2.feed_forward_length": 4864,
  "qwen2.attention.head_count": 14,
  "qwen2.attention.head_count_kv": 2,
  "qwen2.attention.layer_norm_rms_epsilon": 1e-6,
  "qwen2.rope.freq_base": 1e6,
  "tokenizer.ggml.tokens": ["a", "b", "c"],
};

type Json = Record<string, unknown>;

/** Config of Llama 3.2 with changes; undefined removes a key. */
function huggingFace(changes: Json = {}): ModelConfig {
  const json: Json = { ...LLAMA3, ...changes };
  for (const key of Object.keys(changes)) if (changes[key] === undefined) delete json[key];
  return configFromHuggingFace("config.json", json).config;
}

/** Frequencies of 8 rotated dims with theta 10000: 1, 0.1, 0.01, 0.001 before scaling. */
function frequencies(scaling: unknown, more: Json = {}): number[] {
  const rope = huggingFace({
    hidden_size: 256,
    head_dim: 8,
    rope_theta: 10000,
    rope_scaling: scaling,
    max_position_embeddings: 4096,
    ...more,
  }).rope;
  return [...rope.invFreq];
}

function gguf(changes: Record<string, GgufValue | undefined> = {}, divisors: Float32Array | null = null): ModelConfig {
  const entries = Object.entries({ ...GGUF, ...changes }).filter((e): e is [string, GgufValue] => e[1] !== undefined);
  return configFromGguf("x.gguf", new Map(entries), divisors);
}

function close(found: readonly number[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  found.forEach((x, i) => assert(Math.abs(x - wanted[i]!) <= 1e-14 * wanted[i]!, `${i}: ${x} is not ${wanted[i]}`));
}

Deno.test("configFromHuggingFace() reads Llama 3.2's numbers", () => {
  const { config, tied } = configFromHuggingFace("config.json", LLAMA3);
  const { rope, ...rest } = config;
  assert.deepEqual(rest, {
    architecture: "llama",
    nLayers: 16,
    dim: 2048,
    hiddenDim: 8192,
    nHeads: 32,
    nKvHeads: 8,
    headDim: 64,
    vocabSize: 128256,
    contextLength: 131072,
    normEps: 1e-5,
    slidingWindow: 0,
    qkvBias: false,
    qkNorm: false,
  });
  assert.equal(tied, true);
  assert.equal(rope.dims, 64);
  assert.equal(rope.interleaved, false);
  assert.equal(rope.attentionFactor, 1);
  assert.equal(rope.description, "theta 500000, llama3 x32");
});

Deno.test("configFromHuggingFace() fills in what old and sparse files leave out", () => {
  const config = huggingFace({
    head_dim: undefined,
    num_key_value_heads: undefined,
    rope_theta: undefined,
    rope_scaling: null,
  });
  assert.equal(config.headDim, 64);
  assert.equal(config.nKvHeads, 32);
  assert.equal(config.rope.description, "theta 10000");
  const bare = { ...LLAMA3 } as Json;
  for (const key of ["tie_word_embeddings", "hidden_act", "architectures"]) delete bare[key];
  assert.equal(configFromHuggingFace("config.json", bare).tied, false);
});

Deno.test("configFromHuggingFace() takes a head dim that is not hidden size / heads", () => {
  assert.equal(huggingFace({ head_dim: 128 }).headDim, 128);
  assert.equal(huggingFace({ head_dim: null }).headDim, 64);
});

Deno.test("configFromHuggingFace() knows what each architecture brings", () => {
  const arch = (name: string, className: string) => huggingFace({ model_type: name, architectures: [className] });
  assert.deepEqual(
    [arch("mistral", "MistralForCausalLM"), arch("qwen2", "Qwen2ForCausalLM"), arch("qwen3", "Qwen3ForCausalLM")]
      .map((c) => [c.architecture, c.qkvBias, c.qkNorm]),
    [["mistral", false, false], ["qwen2", true, false], ["qwen3", false, true]],
  );
});

Deno.test("RoPE without scaling: theta^(-2i/dims), also for enormous theta and partly rotated heads", () => {
  close(frequencies(null), [1, 0.1, 0.01, 0.001]);
  close(frequencies({ rope_type: "default" }), [1, 0.1, 0.01, 0.001]);
  close(frequencies(null, { rope_theta: 1e20 }), [1, 1e-5, 1e-10, 1e-15]);
  const partial = huggingFace({ partial_rotary_factor: 0.25, rope_scaling: null, rope_theta: 10000 }).rope;
  assert.equal(partial.dims, 16);
  close([...partial.invFreq.slice(0, 3)], [1, 10000 ** (-2 / 16), 10000 ** (-4 / 16)]);
});

Deno.test("linear RoPE scaling divides every frequency and multiplies the context", () => {
  for (const key of ["type", "rope_type"]) {
    close(frequencies({ [key]: "linear", factor: 4 }), [0.25, 0.025, 0.0025, 0.00025]);
  }
  const linear = { rope_scaling: { type: "linear", factor: 4 }, max_position_embeddings: 4096 };
  assert.equal(huggingFace(linear).contextLength, 16384);
  assert.equal(huggingFace({ ...linear, max_sequence_length: 16000 }).contextLength, 16000);
});

Deno.test("llama3 RoPE scaling keeps fast pairs, divides slow ones and blends between", () => {
  // Original context 8192, factors 1 and 4: pairs that turn less than 1 time are slow, more than 4 times fast.
  // Turns are 8192 f / 2 pi = 1303.8, 130.4, 13.04, 1.3038; the last blends with (1.3038 - 1) / 3.
  const turns = 8192 * 0.001 / (2 * Math.PI), smooth = (turns - 1) / 3;
  const scaling = { ...LLAMA3.rope_scaling, factor: 8 };
  close(frequencies(scaling), [1, 0.1, 0.01, (1 - smooth) * 0.001 / 8 + smooth * 0.001]);
  close(frequencies({ ...scaling, original_max_position_embeddings: 100 }), [
    1,
    (() => {
      const s = (100 * 0.1 / (2 * Math.PI) - 1) / 3;
      return (1 - s) * 0.1 / 8 + s * 0.1;
    })(),
    0.01 / 8,
    0.001 / 8,
  ]);
});

Deno.test("llama3 RoPE scaling of Llama 3.2 has the published end points", () => {
  const { invFreq } = huggingFace().rope;
  assert.equal(invFreq[0], 1);
  close([invFreq[31]!], [500000 ** (-62 / 64) / 32]);
});

Deno.test("yarn RoPE scaling ramps over pairs and sharpens attention", () => {
  // 8 dims, theta 10000, context 4096: pair of b turns = 8 ln(4096 / 2 pi b) / (2 ln 10000),
  // so low = floor(1.309) = 1 for 32 turns and high = ceil(2.814) = 3 for 1 turn: shares 0, 0, 0.5, 1.
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 4096 };
  close(frequencies(yarn), [1, 0.1, 0.01 * (0.5 / 4 + 0.5), 0.001 / 4]);
  const { rope, contextLength } = huggingFace({ rope_scaling: yarn, max_position_embeddings: 4096 });
  close([rope.attentionFactor], [0.1 * Math.log(4) + 1]);
  assert.equal(contextLength, 16384);
  assert.equal(huggingFace({ rope_scaling: { ...yarn, attention_factor: 1.5 } }).rope.attentionFactor, 1.5);
  // Without rounding the ramp runs from 1.3091 to 2.8138.
  const pair = (turns: number) => 8 * Math.log(4096 / (turns * 2 * Math.PI)) / (2 * Math.log(10000));
  const share = (2 - pair(32)) / (pair(1) - pair(32));
  close(frequencies({ ...yarn, truncate: false }), [1, 0.1, 0.01 * (share / 4 + 1 - share), 0.001 / 4]);
});

Deno.test("rope_parameters, the newer form, gives the same as rope_theta and rope_scaling", () => {
  const newer = huggingFace({
    rope_theta: undefined,
    rope_scaling: undefined,
    rope_parameters: { rope_theta: 500000, ...LLAMA3.rope_scaling },
  });
  assert.deepEqual(newer, huggingFace());
});

Deno.test("sliding windows are honoured where the architecture has them", () => {
  const mistral = { model_type: "mistral", architectures: ["MistralForCausalLM"] };
  assert.equal(huggingFace({ ...mistral, sliding_window: 4096 }).slidingWindow, 4096);
  assert.equal(huggingFace({ ...mistral, sliding_window: null }).slidingWindow, 0);
  assert.equal(huggingFace(mistral).slidingWindow, 4096); // what the class assumes
  assert.equal(huggingFace({ sliding_window: 4096 }).slidingWindow, 0); // llama has none
  const qwen = { model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], sliding_window: 1000 };
  assert.equal(huggingFace({ ...qwen, use_sliding_window: false, max_window_layers: 0 }).slidingWindow, 0);
  assert.equal(huggingFace({ ...qwen, use_sliding_window: true, max_window_layers: 16 }).slidingWindow, 0);
  assert.equal(huggingFace({ ...qwen, use_sliding_window: true, max_window_layers: 0 }).slidingWindow, 1000);
  const all = { ...qwen, use_sliding_window: true, layer_types: new Array(16).fill("sliding_attention") };
  assert.equal(huggingFace(all).slidingWindow, 1000);
});

const QWEN2 = { model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], use_sliding_window: true, sliding_window: 9 };
const refused: [string, Json, string][] = [
  ["an unknown architecture", { model_type: "gemma2" }, 'must be one of llama, mistral, qwen2, qwen3: found "gemma2"'],
  ["no architecture", { model_type: undefined }, '"model_type" is missing'],
  [
    "a model with another head",
    { architectures: ["LlamaForSequenceClassification"] },
    '"architectures" must be ["LlamaForCausalLM"]: found ["LlamaForSequenceClassification"]',
  ],
  ["another activation", { hidden_act: "gelu" }, '"hidden_act" must be "silu": found "gelu"'],
  [
    "quantised safetensors",
    { quantization_config: { quant_method: "gptq" } },
    '"quantization_config" must be absent (quantised weights are read from GGUF files): found {"quant_method":"gptq"}',
  ],
  ["biases of attention", { attention_bias: true }, '"attention_bias" must be false: found true'],
  ["biases of the FFN", { mlp_bias: true }, '"mlp_bias" must be false: found true'],
  ["a missing number", { hidden_size: undefined }, '"hidden_size" is missing'],
  ["a missing context length", { max_position_embeddings: null }, '"max_position_embeddings" is missing'],
  [
    "layers as text",
    { num_hidden_layers: "16" },
    '"num_hidden_layers" must be a whole number from 1 to 1024: found "16"',
  ],
  [
    "a billion layers",
    { num_hidden_layers: 1e9 },
    '"num_hidden_layers" must be a whole number from 1 to 1024: found 1000000000',
  ],
  [
    "half a head",
    { num_attention_heads: 3.5 },
    '"num_attention_heads" must be a whole number from 1 to 2147483647: found 3.5',
  ],
  [
    "no KV heads",
    { num_key_value_heads: 0 },
    '"num_key_value_heads" must be a whole number from 1 to 2147483647: found 0',
  ],
  [
    "KV heads that do not divide the query heads",
    { num_key_value_heads: 5 },
    "query heads must be a multiple of the KV heads: found 32 query heads and 5 KV heads",
  ],
  ["a head dim of 12", { head_dim: 12 }, "head dim must be a multiple of 8 from 8 to 256: found 12"],
  ["a head dim of 512", { head_dim: 512 }, "head dim must be a multiple of 8 from 8 to 256: found 512"],
  [
    "heads that do not divide the hidden size",
    { head_dim: undefined, num_attention_heads: 31, num_key_value_heads: 31 },
    "hidden size must be a multiple of the query heads: found 2048 and 31",
  ],
  ["a norm epsilon of 0", { rms_norm_eps: 0 }, '"rms_norm_eps" must be a number above 0: found 0'],
  ["a negative theta", { rope_theta: -1 }, '"rope_theta" must be a number above 0: found -1'],
  [
    "more rotated dims than a head has",
    { partial_rotary_factor: 2 },
    "rotated dims of a head must be an even number from 2 to 64: found 128",
  ],
  ["a text for a flag", { tie_word_embeddings: "yes" }, '"tie_word_embeddings" must be true or false: found "yes"'],
  [
    "dynamic RoPE scaling",
    { rope_scaling: { type: "dynamic", factor: 2 } },
    'RoPE scaling must be one of default, linear, llama3, yarn: found "dynamic"',
  ],
  ["longrope", { rope_scaling: { rope_type: "longrope" } }, 'llama3, yarn: found "longrope"'],
  ["linear scaling without a factor", { rope_scaling: { type: "linear" } }, '"factor" is missing'],
  [
    "a shrinking factor",
    { rope_scaling: { type: "linear", factor: 0.5 } },
    '"factor" must be a number of at least 1: found 0.5',
  ],
  ["RoPE scaling that is a text", { rope_scaling: "linear" }, '"rope_scaling" must be an object: found "linear"'],
  [
    "RoPE scaling per layer type",
    { rope_parameters: { full_attention: { rope_theta: 1 } } },
    '"rope_parameters" must be the same for all layers: found "full_attention"',
  ],
  [
    "llama3 scaling without its context",
    { rope_scaling: { ...LLAMA3.rope_scaling, original_max_position_embeddings: undefined } },
    '"original_max_position_embeddings" is missing',
  ],
  [
    "llama3 scaling with its factors the wrong way round",
    { rope_scaling: { ...LLAMA3.rope_scaling, high_freq_factor: 1 } },
    '"high_freq_factor" must be above "low_freq_factor" (1): found 1',
  ],
  [
    "DeepSeek's YaRN",
    { rope_scaling: { type: "yarn", factor: 4, mscale: 0.7 } },
    'YaRN key "mscale" must be absent: found 0.7',
  ],
  [
    "windows in some layers only",
    { ...QWEN2, max_window_layers: 8 },
    "a sliding window must be the same for all 16 layers: found 8 layers with one",
  ],
  ["windows without saying where", QWEN2, '"max_window_layers" is missing'],
  [
    "layer types for other layers",
    { ...QWEN2, layer_types: ["full_attention"] },
    '"layer_types" must be a list of 16: found ["full_attention"]',
  ],
];

for (const [what, changes, message] of refused) {
  Deno.test(`configFromHuggingFace() refuses ${what}`, () => {
    refusal(() => huggingFace(changes), message);
    refusal(() => huggingFace(changes), "Cannot read config.json: ");
  });
}

Deno.test("configFromGguf() reads Qwen2's numbers", () => {
  const { rope, ...rest } = gguf();
  assert.deepEqual(rest, {
    architecture: "qwen2",
    nLayers: 24,
    dim: 896,
    hiddenDim: 4864,
    nHeads: 14,
    nKvHeads: 2,
    headDim: 64,
    vocabSize: 3,
    contextLength: 32768,
    normEps: 1e-6,
    slidingWindow: 0,
    qkvBias: true,
    qkNorm: false,
  });
  assert.deepEqual([rope.dims, rope.interleaved, rope.description], [64, false, "theta 1000000"]);
});

Deno.test("configFromGguf() pairs neighbouring dims for Llama, and half a head apart for Qwen", () => {
  const as = (name: string) => {
    const renamed = Object.entries(GGUF).map(([key, value]) => [key.replace(/^qwen2\./, `${name}.`), value]);
    return configFromGguf(
      "x.gguf",
      new Map([...renamed, ["general.architecture", name]] as [string, GgufValue][]),
      null,
    );
  };
  assert.deepEqual(["llama", "qwen2", "qwen3"].map((name) => as(name).rope.interleaved), [true, false, false]);
  refusal(() => as("mistral3"), 'model architecture must be one of llama, qwen2, qwen3: found "mistral3"');
});

Deno.test("configFromGguf() applies linear, yarn and tensor scaling", () => {
  const small = { "qwen2.attention.key_length": 8, "qwen2.attention.value_length": 8, "qwen2.rope.freq_base": 10000 };
  const linear = { "qwen2.rope.scaling.type": "linear", "qwen2.rope.scaling.factor": 4 };
  close([...gguf({ ...small, ...linear }).rope.invFreq], [0.25, 0.025, 0.0025, 0.00025]);
  assert.equal(gguf({ ...small, ...linear }).contextLength, 4 * 32768);
  assert.equal(gguf({ ...linear, "qwen2.rope.scaling.original_context_length": 8192 }).contextLength, 32768);
  close([...gguf({ ...small, "qwen2.rope.scale_linear": 2 }).rope.invFreq], [0.5, 0.05, 0.005, 0.0005]);
  const yarn = gguf({
    ...small,
    "qwen2.rope.scaling.type": "yarn",
    "qwen2.rope.scaling.factor": 4,
    "qwen2.rope.scaling.original_context_length": 4096,
  });
  close([...yarn.rope.invFreq], [1, 0.1, 0.01 * (0.5 / 4 + 0.5), 0.001 / 4]);
  close([yarn.rope.attentionFactor], [0.1 * Math.log(4) + 1]);
  assert.equal(yarn.contextLength, 32768);
  const divided = gguf(small, Float32Array.of(1, 2, 4, 8)).rope;
  close([...divided.invFreq], [1, 0.05, 0.0025, 0.000125]);
  assert.equal(divided.description, "theta 10000, divided by 1 to 8");
});

const refusedGguf: [string, Record<string, GgufValue | undefined>, string][] = [
  ["no architecture", { "general.architecture": undefined }, '"general.architecture" is missing'],
  ["a missing number", { "qwen2.block_count": undefined }, '"qwen2.block_count" is missing'],
  ["experts", { "qwen2.expert_count": 8 }, '"qwen2.expert_count" must be absent or 0: found 8'],
  ["another logit scale", { "qwen2.logit_scale": 0.5 }, '"qwen2.logit_scale" must be absent or 0: found 0.5'],
  [
    "values of another length than keys",
    { "qwen2.attention.value_length": 32 },
    '"qwen2.attention.value_length" must equal the key length 64: found 32',
  ],
  ["heads per layer", { "qwen2.attention.head_count": [14, 2] }, '"qwen2.attention.head_count" must be a whole number'],
  [
    "longrope",
    { "qwen2.rope.scaling.type": "longrope" },
    '"qwen2.rope.scaling.type" must be one of none, linear, yarn: found "longrope"',
  ],
  ["no tokens", { "tokenizer.ggml.tokens": undefined }, '"tokenizer.ggml.tokens" must be a list of tokens: found null'],
];

for (const [what, changes, message] of refusedGguf) {
  Deno.test(`configFromGguf() refuses ${what}`, () => refusal(() => gguf(changes), message));
}

Deno.test("configFromGguf() refuses a rope_freqs tensor that does not fit", () => {
  refusal(() => gguf({}, Float32Array.of(1, 2)), '"rope_freqs.weight" must hold 32 numbers above 0: found 2 numbers');
  refusal(() => gguf({}, new Float32Array(32)), '"rope_freqs.weight" must hold 32 numbers above 0');
  const linear = { "qwen2.rope.scaling.type": "linear", "qwen2.rope.scaling.factor": 4 };
  refusal(() => gguf(linear, new Float32Array(32).fill(1)), 'RoPE scaling must be absent beside "rope_freqs.weight"');
});
