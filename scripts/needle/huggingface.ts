/** Writes the model as a Hugging Face folder: config, tokenizer, one safetensors file. */

import { byteTokenizer } from "../../test/support/byte_tokenizer.ts";
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
  write("tokenizer.json", json(byteTokenizer(SPECIAL_TOKENS)));
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

function json(value: unknown): string {
  return JSON.stringify(value, null, 1);
}
