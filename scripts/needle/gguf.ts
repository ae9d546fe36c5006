/** Writes the model as one GGUF file of the llama architecture. */

import { byteLetters } from "../../test/support/byte_letters.ts";
import { encodeElements } from "../../test/support/elements.ts";
import { bool, f32, type GgufTensorData, i32, str, u32, writeGguf } from "../../test/support/gguf_writer.ts";
import { BOS, EOS, PAD, SPECIAL_TOKENS, VOCAB_SIZE } from "./codes.ts";
import { CONTEXT_LENGTH } from "./huggingface.ts";
import type { NeedleModel } from "./model.ts";
import type { NeedlePlan } from "./plan.ts";
import { HALF, HEAD_DIM, THETA } from "./rope.ts";
import { type FloatDType, NORM_EPS, type Weight } from "./weights.ts";

/** GGUF names of the tensors of a layer, by their Hugging Face names. */
const LAYER_NAMES: Readonly<Record<string, string>> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};
const OTHER_NAMES: Readonly<Record<string, string>> = {
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
  "lm_head.weight": "output.weight",
};

/** `tokenizer.ggml.token_type`. */
const NORMAL = 1;
const CONTROL = 3;

/** Writes the file. Norms are always f32, as in GGUF files of real models. */
export function writeNeedleGguf(path: string, { plan, weights }: NeedleModel, dtype: FloatDType): void {
  writeGguf(path, metadata(plan), [...weights].map(([name, weight]) => tensor(name, weight, dtype)));
}

function tensor(name: string, weight: Weight, dtype: FloatDType): GgufTensorData {
  const rotated = /\.self_attn\.[qk]_proj\./.test(name);
  const type = weight.shape.length === 1 ? "f32" : dtype;
  return {
    name: ggufName(name),
    dtype: type,
    shape: weight.shape.toReversed(),
    data: encodeElements(type, rotated ? interleavePairs(weight) : weight.data),
  };
}

function ggufName(name: string): string {
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  return part === undefined ? OTHER_NAMES[name]! : `blk.${layer}.${LAYER_NAMES[part]}.weight`;
}

/** Llama's GGUF files rotate dim 2i with 2i + 1, where Hugging Face pairs i with i + 64: the rows of a head move. */
function interleavePairs({ shape, data }: Weight): Float32Array<ArrayBuffer> {
  const [rows, cols] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const dim = row % HEAD_DIM;
    const source = row - dim + Math.floor(dim / 2) + (dim % 2) * HALF;
    out.set(data.subarray(source * cols, (source + 1) * cols), row * cols);
  }
  return out;
}

function metadata(plan: NeedlePlan): Parameters<typeof writeGguf>[1] {
  return {
    "general.architecture": str("llama"),
    "general.name": str("needle"),
    "llama.block_count": u32(plan.nLayers),
    "llama.context_length": u32(CONTEXT_LENGTH),
    "llama.embedding_length": u32(plan.dim),
    "llama.feed_forward_length": u32(plan.hiddenDim),
    "llama.attention.head_count": u32(plan.heads),
    "llama.attention.head_count_kv": u32(plan.kvHeads),
    "llama.attention.key_length": u32(HEAD_DIM),
    "llama.attention.value_length": u32(HEAD_DIM),
    "llama.attention.layer_norm_rms_epsilon": f32(NORM_EPS),
    "llama.rope.dimension_count": u32(HEAD_DIM),
    "llama.rope.freq_base": f32(THETA),
    "llama.vocab_size": u32(VOCAB_SIZE),
    "tokenizer.ggml.model": str("gpt2"),
    "tokenizer.ggml.pre": str("gpt-2"),
    "tokenizer.ggml.tokens": str([...byteLetters(), ...SPECIAL_TOKENS.map(([, text]) => text)]),
    "tokenizer.ggml.token_type": i32(Array.from({ length: VOCAB_SIZE }, (_, id) => id < 256 ? NORMAL : CONTROL)),
    "tokenizer.ggml.merges": str([]),
    "tokenizer.ggml.bos_token_id": u32(BOS),
    "tokenizer.ggml.eos_token_id": u32(EOS),
    "tokenizer.ggml.padding_token_id": u32(PAD),
    "tokenizer.ggml.add_bos_token": bool(true),
  };
}
