/** A tiny model as a GGUF file, the way converters write one. */
import type { Role } from "../../lib/model/types.ts";
import { byteLetters } from "./byte_letters.ts";
import { encodeElements } from "./elements.ts";
import { bool, f32, type GgufTensorData, type GgufTyped, i32, str, u32, writeGguf } from "./gguf_writer.ts";
import { TINY_BOS, TINY_EOS, TINY_PAD, TINY_VOCAB, type TinySettings, type TinyTensor } from "./tiny_model.ts";

const NAMES: Readonly<Record<Role, string>> = {
  embed: "token_embd.weight",
  final_norm: "output_norm.weight",
  lm_head: "output.weight",
  attn_norm: "attn_norm.weight",
  wq: "attn_q.weight",
  wk: "attn_k.weight",
  wv: "attn_v.weight",
  wo: "attn_output.weight",
  bq: "attn_q.bias",
  bk: "attn_k.bias",
  bv: "attn_v.bias",
  q_norm: "attn_q_norm.weight",
  k_norm: "attn_k_norm.weight",
  ffn_norm: "ffn_norm.weight",
  w_gate: "ffn_gate.weight",
  w_up: "ffn_up.weight",
  w_down: "ffn_down.weight",
};

export function tinyGguf(path: string, s: TinySettings, tensors: readonly TinyTensor[]): void {
  const llama = s.arch === "llama" || s.arch === "mistral"; // converters write Mistral as llama
  const list = tensors.map(({ role, layer, dtype, rows, cols, data, values }): GgufTensorData => {
    const name = layer < 0 ? NAMES[role] : `blk.${layer}.${NAMES[role]}`;
    if (role.endsWith("norm") || role.startsWith("b")) {
      return { name, dtype: "f32", shape: [cols], data: encodeElements("f32", Float32Array.from(values)) };
    }
    const interleave = llama && (role === "wq" || role === "wk");
    return { name, dtype, shape: [cols, rows], data: interleave ? interleaveRows(data, rows, s.headDim) : data };
  });
  if (s.ropeScaling?.rope_type === "llama3") list.push(llama3Factors(s));
  writeGguf(path, metadata(s, llama ? "llama" : s.arch), list);
}

/** Rows i and i + headDim / 2 of every head become neighbours 2i and 2i + 1. */
function interleaveRows(data: Uint8Array, rows: number, headDim: number): Uint8Array {
  const rowBytes = data.length / rows, out = new Uint8Array(data.length);
  for (let row = 0; row < rows; row++) {
    const dim = row % headDim, half = headDim / 2;
    const to = row - dim + (dim < half ? 2 * dim : 2 * (dim - half) + 1);
    out.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
  }
  return out;
}

/** Converters store Llama 3's scaling as divisors of the frequencies. */
function llama3Factors(s: TinySettings): GgufTensorData {
  const scaling = s.ropeScaling as Record<string, number>;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: old } = scaling;
  const divisors = new Float32Array(s.headDim / 2).map((_, i) => {
    const turns = old! / (2 * Math.PI * s.ropeTheta ** (2 * i / s.headDim)); // within the original context
    if (turns > high!) return 1;
    if (turns < low!) return factor!;
    const smooth = (turns - low!) / (high! - low!);
    return 1 / ((1 - smooth) / factor! + smooth);
  });
  return { name: "rope_freqs.weight", dtype: "f32", shape: [divisors.length], data: encodeElements("f32", divisors) };
}

function metadata(s: TinySettings, arch: string): Record<string, GgufTyped> {
  const scaling = s.ropeScaling?.rope_type === "llama3" ? null : s.ropeScaling;
  const special = ["<bos>", "<eos>", "<pad>", "<sep>"];
  return {
    "general.architecture": str(arch),
    "general.name": str(`tiny ${s.arch}`),
    [`${arch}.block_count`]: u32(s.layers),
    [`${arch}.context_length`]: u32(s.contextLength),
    [`${arch}.embedding_length`]: u32(s.dim),
    [`${arch}.feed_forward_length`]: u32(s.hiddenDim),
    [`${arch}.attention.head_count`]: u32(s.heads),
    [`${arch}.attention.head_count_kv`]: u32(s.kvHeads),
    [`${arch}.attention.key_length`]: u32(s.headDim),
    [`${arch}.attention.value_length`]: u32(s.headDim),
    [`${arch}.attention.layer_norm_rms_epsilon`]: f32(1e-5),
    ...(s.slidingWindow > 0 ? { [`${arch}.attention.sliding_window`]: u32(s.slidingWindow) } : {}),
    [`${arch}.rope.dimension_count`]: u32(s.headDim),
    [`${arch}.rope.freq_base`]: f32(s.ropeTheta),
    ...(scaling
      ? {
        [`${arch}.rope.scaling.type`]: str(String(scaling.rope_type)),
        [`${arch}.rope.scaling.factor`]: f32(Number(scaling.factor)),
        ...(scaling.original_max_position_embeddings === undefined ? {} : {
          [`${arch}.rope.scaling.original_context_length`]: u32(Number(scaling.original_max_position_embeddings)),
        }),
      }
      : {}),
    [`${arch}.vocab_size`]: u32(TINY_VOCAB),
    "tokenizer.ggml.model": str("gpt2"),
    "tokenizer.ggml.pre": str("gpt-2"),
    "tokenizer.ggml.tokens": str([...byteLetters(), ...special]),
    "tokenizer.ggml.token_type": i32([...new Array<number>(256).fill(1), 3, 3, 3, 3]), // 1 normal, 3 control
    "tokenizer.ggml.merges": str([]),
    "tokenizer.ggml.bos_token_id": u32(TINY_BOS),
    "tokenizer.ggml.eos_token_id": u32(TINY_EOS),
    "tokenizer.ggml.padding_token_id": u32(TINY_PAD),
    "tokenizer.ggml.add_bos_token": bool(true),
    ...(s.chatTemplate === null ? {} : { "tokenizer.chat_template": str(s.chatTemplate) }),
  };
}
