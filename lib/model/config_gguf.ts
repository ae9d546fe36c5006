/** ModelConfig from GGUF metadata. */
import { findArchitecture } from "./architectures.ts";
import { checkConfig, defaultHeadDim, MAX_LAYERS, scaledContext } from "./config.ts";
import { Fields } from "./fields.ts";
import { show } from "./model_file.ts";
import { ropeConfig, type RopeScaling } from "./rope.ts";
import type { GgufValue, ModelConfig } from "./types.ts";

/** Keys that change the computation in ways that rocketkv does not know, with the value that changes nothing. */
const FOREIGN_KEYS: Readonly<Record<string, GgufValue>> = {
  "expert_count": 0,
  "attention.causal": true,
  "attention.scale": 0,
  "attention.clamp_kqv": 0,
  "attention.sliding_window_pattern": 0,
  "attn_logit_softcapping": 0,
  "final_logit_softcapping": 0,
  "logit_scale": 0,
  "residual_scale": 0,
  "embedding_scale": 0,
  "rope.scaling.yarn_log_multiplier": 0,
  "rope.scaling.yarn_attn_factor": 1,
  "rope.scaling.yarn_ext_factor": 1,
};

/**
 * @param path      Of the file, for messages.
 * @param divisors  Contents of the tensor `rope_freqs.weight` where the file has it: what the frequencies are divided by.
 * @throws {RunError} for a missing or impossible number and for keys that change the computation in an unknown way.
 */
export function configFromGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  divisors: Float32Array | null,
): ModelConfig {
  const general = new Fields(path, (key) => metadata.get(key));
  const architecture = findArchitecture(path, "ggufName", general.text("general.architecture"));
  // Messages show whole keys, so the prefix is part of the key that Fields sees.
  const key = (name: string) => `${architecture.ggufName}.${name}`;
  for (const [name, neutral] of Object.entries(FOREIGN_KEYS)) {
    const value = general.value(key(name)) ?? neutral;
    if (value !== neutral) general.fail(`${show(key(name))} must be absent or ${neutral}: found ${show(value)}`);
  }
  const nHeads = general.integer(key("attention.head_count"));
  const dim = general.integer(key("embedding_length"));
  const headDim = general.has(key("attention.key_length"))
    ? general.integer(key("attention.key_length"))
    : defaultHeadDim(general, dim, nHeads);
  const valueDim = general.integer(key("attention.value_length"), { missing: headDim });
  if (valueDim !== headDim) {
    general.fail(`${show(key("attention.value_length"))} must equal the key length ${headDim}: found ${valueDim}`);
  }
  const dims = general.integer(key("rope.dimension_count"), { missing: headDim });
  const stated = general.integer(key("context_length"));
  const original = general.has(key("rope.scaling.original_context_length"))
    ? general.integer(key("rope.scaling.original_context_length"))
    : null;
  const scaling = readScaling(general, key, dims, original ?? stated, divisors);
  return checkConfig(general, {
    architecture: architecture.name,
    nLayers: general.integer(key("block_count"), { max: MAX_LAYERS }),
    dim,
    hiddenDim: general.integer(key("feed_forward_length")),
    nHeads,
    nKvHeads: general.integer(key("attention.head_count_kv"), { missing: nHeads }),
    headDim,
    vocabSize: vocabSize(general, key("vocab_size")),
    contextLength: scaledContext(scaling, stated, original),
    normEps: general.real(key("attention.layer_norm_rms_epsilon")),
    rope: ropeConfig({
      theta: general.real(key("rope.freq_base"), { missing: 10000 }),
      dims,
      interleaved: architecture.ggufInterleaved,
      scaling,
    }),
    slidingWindow: general.integer(key("attention.sliding_window"), { min: 0, missing: 0 }),
    qkvBias: architecture.qkvBias,
    qkNorm: architecture.qkNorm,
  });
}

function vocabSize(fields: Fields, key: string): number {
  if (fields.has(key)) return fields.integer(key);
  const tokens = fields.value("tokenizer.ggml.tokens");
  if (!Array.isArray(tokens) || tokens.length === 0) {
    fields.fail(`"tokenizer.ggml.tokens" must be a list of tokens: found ${show(tokens ?? null)}`);
  }
  return tokens.length;
}

function readScaling(
  fields: Fields,
  key: (name: string) => string,
  dims: number,
  originalContext: number,
  divisors: Float32Array | null,
): RopeScaling {
  const kind = fields.text(key("rope.scaling.type"), "none");
  const factor = () => fields.real(key("rope.scaling.factor"), { min: 1 });
  if (divisors !== null) {
    if (kind !== "none") fields.fail(`RoPE scaling must be absent beside "rope_freqs.weight": found ${show(kind)}`);
    if (divisors.length !== dims / 2 || !divisors.every((d) => Number.isFinite(d) && d > 0)) {
      fields.fail(`"rope_freqs.weight" must hold ${dims / 2} numbers above 0: found ${divisors.length} numbers`);
    }
    return { kind: "divisors", divisors };
  }
  switch (kind) {
    case "none":
      // Old files have the linear factor alone, under another name.
      return fields.has(key("rope.scale_linear"))
        ? { kind: "linear", factor: fields.real(key("rope.scale_linear"), { min: 1 }) }
        : { kind };
    case "linear":
      return { kind, factor: factor() };
    case "yarn": {
      // The file has what the default sharpening is multiplied by, ours is the product.
      const scale = factor();
      const sharpen = fields.real(key("rope.scaling.attn_factor"), { missing: 1 });
      return {
        kind,
        factor: scale,
        originalContext,
        betaFast: fields.real(key("rope.scaling.yarn_beta_fast"), { missing: 32 }),
        betaSlow: fields.real(key("rope.scaling.yarn_beta_slow"), { missing: 1 }),
        truncate: true,
        attentionFactor: sharpen * (0.1 * Math.log(scale) + 1),
      };
    }
    default:
      fields.fail(`${show(key("rope.scaling.type"))} must be one of none, linear, yarn: found ${show(kind)}`);
  }
}
