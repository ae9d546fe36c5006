/** ModelConfig from a Hugging Face `config.json`. */
import { type Architecture, findArchitecture } from "./architectures.ts";
import { checkConfig, defaultHeadDim, MAX_LAYERS, scaledContext } from "./config.ts";
import { Fields } from "./fields.ts";
import { show } from "./model_file.ts";
import { ropeConfig, type RopeScaling } from "./rope.ts";
import type { ModelConfig } from "./types.ts";

/** Mistral v0.1's window, which its implementation also takes when `config.json` has no such key. */
const MISTRAL_WINDOW = 4096;

export interface HuggingFaceConfig {
  readonly config: ModelConfig;
  /** The LM head is the embedding. */
  readonly tied: boolean;
}

/**
 * @param path  Of the file, for messages.
 * @throws {RunError} for a missing or impossible number and for anything that changes the computation in a way that
 *   rocketkv does not know; the message names the key.
 */
export function configFromHuggingFace(path: string, json: Readonly<Record<string, unknown>>): HuggingFaceConfig {
  const fields = new Fields(path, (key) => Object.hasOwn(json, key) ? json[key] : undefined);
  const architecture = findArchitecture(path, "name", fields.text("model_type"));
  refuseUnknownComputation(fields, architecture);
  const nHeads = fields.integer("num_attention_heads");
  const dim = fields.integer("hidden_size");
  const headDim = fields.has("head_dim") ? fields.integer("head_dim") : defaultHeadDim(fields, dim, nHeads);
  const rope = ropeFields(fields);
  const stated = fields.integer("max_position_embeddings");
  const scaling = readScaling(rope, stated);
  const nLayers = fields.integer("num_hidden_layers", { max: MAX_LAYERS });
  const config: ModelConfig = {
    architecture: architecture.name,
    nLayers,
    dim,
    hiddenDim: fields.integer("intermediate_size"),
    nHeads,
    nKvHeads: fields.integer("num_key_value_heads", { missing: nHeads }),
    headDim,
    vocabSize: fields.integer("vocab_size"),
    contextLength: contextLength(fields, scaling, stated, rope),
    normEps: fields.real("rms_norm_eps"),
    rope: ropeConfig({
      theta: rope.real("rope_theta", { missing: 10000 }),
      dims: Math.floor(headDim * rope.real("partial_rotary_factor", { missing: 1 })),
      interleaved: false,
      scaling,
    }),
    slidingWindow: slidingWindow(fields, architecture, nLayers),
    qkvBias: architecture.qkvBias,
    qkNorm: architecture.qkNorm,
  };
  return { config: checkConfig(fields, config), tied: fields.flag("tie_word_embeddings", false) };
}

function refuseUnknownComputation(fields: Fields, architecture: Architecture): void {
  const classes = fields.value("architectures") ?? [architecture.className];
  if (!Array.isArray(classes) || classes[0] !== architecture.className) {
    fields.fail(`"architectures" must be [${show(architecture.className)}]: found ${show(classes)}`);
  }
  const activation = fields.text("hidden_act", "silu");
  if (activation !== "silu") fields.fail(`"hidden_act" must be "silu": found ${show(activation)}`);
  if (fields.has("quantization_config")) {
    const found = show(fields.value("quantization_config"));
    fields.fail(`"quantization_config" must be absent (quantised weights are read from GGUF files): found ${found}`);
  }
  for (const key of ["attention_bias", "mlp_bias"]) {
    if (!architecture.qkvBias && fields.flag(key, false)) fields.fail(`${show(key)} must be false: found true`);
  }
}

/** RoPE settings: newer files gather them in `rope_parameters`, older ones have `rope_theta` beside `rope_scaling`. */
function ropeFields(fields: Fields): Fields {
  const sources: Record<string, unknown>[] = [];
  for (const key of ["rope_parameters", "rope_scaling"]) {
    const value = fields.value(key);
    if (value === undefined) continue;
    if (typeof value !== "object" || Array.isArray(value)) {
      fields.fail(`${show(key)} must be an object: found ${show(value)}`);
    }
    const nested = Object.entries(value as object).find(([, v]) => typeof v === "object" && v !== null);
    if (nested !== undefined) fields.fail(`${show(key)} must be the same for all layers: found ${show(nested[0])}`);
    sources.push(value as Record<string, unknown>);
  }
  return new Fields(fields.path, (key) => {
    for (const source of sources) if (Object.hasOwn(source, key)) return source[key];
    return key === "rope_theta" || key === "partial_rotary_factor" ? fields.value(key) : undefined;
  });
}

function readScaling(rope: Fields, stated: number): RopeScaling {
  const kind = rope.text("rope_type", rope.text("type", "default"));
  switch (kind) {
    case "default":
      return { kind: "none" };
    case "linear":
      return { kind, factor: rope.real("factor", { min: 1 }) };
    case "llama3": {
      const lowFreqFactor = rope.real("low_freq_factor"), highFreqFactor = rope.real("high_freq_factor");
      if (highFreqFactor <= lowFreqFactor) {
        rope.fail(`"high_freq_factor" must be above "low_freq_factor" (${lowFreqFactor}): found ${highFreqFactor}`);
      }
      return {
        kind,
        factor: rope.real("factor", { min: 1 }),
        lowFreqFactor,
        highFreqFactor,
        originalContext: rope.integer("original_max_position_embeddings"),
      };
    }
    case "yarn":
      for (const key of ["mscale", "mscale_all_dim"]) {
        if (rope.has(key)) rope.fail(`YaRN key ${show(key)} must be absent: found ${show(rope.value(key))}`);
      }
      return {
        kind,
        factor: rope.real("factor", { min: 1 }),
        originalContext: rope.integer("original_max_position_embeddings", { missing: stated }),
        betaFast: rope.real("beta_fast", { missing: 32 }),
        betaSlow: rope.real("beta_slow", { missing: 1 }),
        truncate: rope.flag("truncate", true),
        attentionFactor: rope.has("attention_factor") ? rope.real("attention_factor") : null,
      };
    default:
      rope.fail(`RoPE scaling must be one of default, linear, llama3, yarn: found ${show(kind)}`);
  }
}

function contextLength(fields: Fields, scaling: RopeScaling, stated: number, rope: Fields): number {
  // Vicuna and LongChat write the scaled length here, and leave max_position_embeddings as their base model had it.
  if (scaling.kind === "linear" && fields.has("max_sequence_length")) return fields.integer("max_sequence_length");
  const key = "original_max_position_embeddings";
  return scaledContext(scaling, stated, rope.has(key) ? rope.integer(key) : null);
}

function slidingWindow(fields: Fields, { window }: Architecture, nLayers: number): number {
  const key = "sliding_window";
  if (window === "none") return 0;
  if (window === "on request" && !fields.flag("use_sliding_window", false)) return 0;
  if (window === "always" && !fields.isGiven(key)) return MISTRAL_WINDOW;
  if (!fields.has(key)) return 0; // null: no window
  const size = fields.integer(key);
  const windowed = windowedLayers(fields, window, nLayers);
  if (windowed > 0 && windowed < nLayers) {
    fields.fail(`a sliding window must be the same for all ${nLayers} layers: found ${windowed} layers with one`);
  }
  return windowed === 0 ? 0 : size;
}

function windowedLayers(fields: Fields, window: Architecture["window"], nLayers: number): number {
  const types = fields.value("layer_types");
  if (types === undefined) {
    return window === "always" ? nLayers : Math.max(0, nLayers - fields.integer("max_window_layers", { min: 0 }));
  }
  if (!Array.isArray(types) || types.length !== nLayers) {
    fields.fail(`"layer_types" must be a list of ${nLayers}: found ${show(types)}`);
  }
  return types.filter((type) => type !== "full_attention").length;
}
