/** Writes the model as a Hugging Face folder: config, tokenizer, one safetensors file. */

import { byteLetters } from "../../test/support/byte_letters.ts";
import { encodeElements } from "../../test/support/elements.ts";
import { writeSafetensors } from "../../test/support/safetensors_writer.ts";
import { BOS, EOS, PAD, SPECIAL_TOKENS, VOCAB_SIZE } from "./codes.ts";
import type { NeedleModel } from "./model.ts";
import type { NeedlePlan } from "./plan.ts";
import { HEAD_DIM, THETA } from "./rope.ts";
import { type FloatDType, NORM_EPS } from "./weights.ts";

/** Positions that the construction was checked for. */
export const CONTEXT_LENGTH = 2 ** 20;

/** Writes into `folder`, which is created when it is missing. */
export function writeHuggingFace(folder: string, { plan, weights }: NeedleModel, dtype: FloatDType): void {
  Deno.mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text + "\n");
  writeSafetensors(
    `${folder}/model.safetensors`,
    [...weights].map(([name, { shape, data }]) => ({ name, dtype, shape, data: encodeElements(dtype, data) })),
  );
  write("config.json", configJson(plan, dtype));
  write("generation_config.json", json({ bos_token_id: BOS, eos_token_id: EOS, pad_token_id: PAD, do_sample: false }));
  write("tokenizer.json", json(tokenizer()));
  write(
    "tokenizer_config.json",
    json({
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<bos>",
      eos_token: "<eos>",
      pad_token: "<pad>",
      add_bos_token: true,
      clean_up_tokenization_spaces: false,
      model_max_length: CONTEXT_LENGTH,
    }),
  );
}

function configJson(plan: NeedlePlan, dtype: FloatDType): string {
  const text = json({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: plan.dim,
    intermediate_size: plan.hiddenDim,
    num_hidden_layers: plan.nLayers,
    num_attention_heads: plan.heads,
    num_key_value_heads: plan.kvHeads,
    head_dim: HEAD_DIM,
    vocab_size: VOCAB_SIZE,
    max_position_embeddings: CONTEXT_LENGTH,
    rms_norm_eps: NORM_EPS,
    rope_theta: THETA,
    rope_scaling: null,
    hidden_act: "silu",
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0,
    tie_word_embeddings: false,
    bos_token_id: BOS,
    eos_token_id: EOS,
    pad_token_id: PAD,
    torch_dtype: dtype === "f32" ? "float32" : "bfloat16",
    use_cache: true,
  });
  // A whole number of 21 digits would be read as an integer by some parsers, and does not fit one: use the exponent.
  return text.replace(/"rope_theta": \d+/, `"rope_theta": ${THETA.toExponential()}`);
}

/** A byte-pair encoding without merges: token ids are the UTF-8 bytes after BOS. */
function tokenizer(): Record<string, unknown> {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const bos = { SpecialToken: { id: "<bos>", type_id: 0 } };
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map(([id, content]) => (
      { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
    )),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: "TemplateProcessing",
      single: [bos, sequence("A", 0)],
      pair: [bos, sequence("A", 0), sequence("B", 1)],
      special_tokens: { "<bos>": { id: "<bos>", ids: [BOS], tokens: ["<bos>"] } },
    },
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(byteLetters().map((letter, b) => [letter, b])),
      merges: [],
    },
  };
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 1);
}
