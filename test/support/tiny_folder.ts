/** A tiny model as a Hugging Face folder. */
import type { Role } from "../../lib/model/types.ts";
import { byteTokenizer } from "./byte_tokenizer.ts";
import { type SafetensorsData, writeSafetensors, writeShardedSafetensors } from "./safetensors_writer.ts";
import { TINY_BOS, TINY_EOS, TINY_PAD, TINY_VOCAB, type TinySettings, type TinyTensor } from "./tiny_model.ts";

const CLASSES = { llama: "Llama", mistral: "Mistral", qwen2: "Qwen2", qwen3: "Qwen3" };

const NAMES: Readonly<Record<Role, string>> = {
  embed: "model.embed_tokens.weight",
  final_norm: "model.norm.weight",
  lm_head: "lm_head.weight",
  attn_norm: "input_layernorm.weight",
  wq: "self_attn.q_proj.weight",
  wk: "self_attn.k_proj.weight",
  wv: "self_attn.v_proj.weight",
  wo: "self_attn.o_proj.weight",
  bq: "self_attn.q_proj.bias",
  bk: "self_attn.k_proj.bias",
  bv: "self_attn.v_proj.bias",
  q_norm: "self_attn.q_norm.weight",
  k_norm: "self_attn.k_norm.weight",
  ffn_norm: "post_attention_layernorm.weight",
  w_gate: "mlp.gate_proj.weight",
  w_up: "mlp.up_proj.weight",
  w_down: "mlp.down_proj.weight",
};

export function tinyFolder(folder: string, s: TinySettings, tensors: readonly TinyTensor[], shards: number): void {
  const list = tensors.map(({ role, layer, dtype, rows, cols, data }): SafetensorsData => {
    if (dtype !== "f32" && dtype !== "f16" && dtype !== "bf16") throw new Error(`no safetensors form of ${dtype}`);
    const vector = role.endsWith("norm") || role.startsWith("b");
    return {
      name: layer < 0 ? NAMES[role] : `model.layers.${layer}.${NAMES[role]}`,
      dtype,
      shape: vector ? [cols] : [rows, cols],
      data,
    };
  });
  if (shards > 1) writeShardedSafetensors(folder, list, shards);
  else writeSafetensors(`${folder}/model.safetensors`, list);
  const json = (name: string, value: unknown) =>
    Deno.writeTextFileSync(`${folder}/${name}`, JSON.stringify(value, null, 1));
  json("config.json", tinyConfigJson(s));
  json(
    "tokenizer.json",
    byteTokenizer([[TINY_BOS, "<bos>"], [TINY_EOS, "<eos>"], [TINY_PAD, "<pad>"], [259, "<sep>"]]),
  );
  json("tokenizer_config.json", {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<bos>",
    eos_token: "<eos>",
    pad_token: "<pad>",
    add_bos_token: true,
    clean_up_tokenization_spaces: false,
    model_max_length: s.contextLength,
    ...(s.chatTemplate === null ? {} : { chat_template: s.chatTemplate }),
  });
}

/** What the folder's `config.json` says. */
export function tinyConfigJson(s: TinySettings): Record<string, unknown> {
  return {
    architectures: [`${CLASSES[s.arch]}ForCausalLM`],
    model_type: s.arch,
    vocab_size: TINY_VOCAB,
    hidden_size: s.dim,
    intermediate_size: s.hiddenDim,
    num_hidden_layers: s.layers,
    num_attention_heads: s.heads,
    num_key_value_heads: s.kvHeads,
    head_dim: s.headDim,
    max_position_embeddings: s.contextLength,
    rms_norm_eps: 1e-5,
    rope_theta: s.ropeTheta,
    rope_scaling: s.ropeScaling,
    hidden_act: "silu",
    tie_word_embeddings: s.tied,
    bos_token_id: TINY_BOS,
    eos_token_id: TINY_EOS,
    pad_token_id: TINY_PAD,
    ...(s.arch === "mistral" ? { sliding_window: s.slidingWindow || null } : {}),
    ...(s.arch === "qwen2"
      ? { use_sliding_window: s.slidingWindow > 0, sliding_window: s.slidingWindow || 4096, max_window_layers: 0 }
      : {}),
  };
}
