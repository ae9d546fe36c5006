/**
 * Small models with random weights, in the form of real files: the same numbers as a Hugging Face folder, as a GGUF,
 * and as arrays for a reference implementation.
 *
 * The vocabulary is the 256 bytes plus <bos>, <eos>, <pad> and <sep>, so any text can be encoded without merges.
 */
import type { DType, Role } from "../../lib/model/types.ts";
import { weightKey } from "../reference/model.ts";
import { dequantize } from "../reference/quant.ts";
import { random } from "../reference/random.ts";
import { encodeElements } from "./elements.ts";
import { tinyFolder } from "./tiny_folder.ts";
import { tinyGguf } from "./tiny_gguf.ts";

export const TINY_VOCAB = 260, TINY_BOS = 256, TINY_EOS = 257, TINY_PAD = 258;

export interface TinyOptions {
  /** `qwen2` brings biases on Q, K and V, `qwen3` norms of Q and K. @default {"llama"} */
  readonly arch?: "llama" | "mistral" | "qwen2" | "qwen3";
  /** @default {2} */
  readonly layers?: number;
  /** @default {64} */
  readonly dim?: number;
  /** @default {96} */
  readonly hiddenDim?: number;
  /** @default {4} */
  readonly heads?: number;
  /** @default {2} */
  readonly kvHeads?: number;
  /** @default {16} */
  readonly headDim?: number;
  /** Type of the matrices; quantised ones exist as GGUF only. @default {"f32"} */
  readonly dtype?: DType;
  /** Type of the embedding and the LM head. @default {dtype} */
  readonly embedDtype?: DType;
  /** @default {10000} */
  readonly ropeTheta?: number;
  /** As in `config.json`: `{ rope_type: "linear", factor: 4 }`. @default {null} */
  readonly ropeScaling?: Readonly<Record<string, unknown>> | null;
  /** Tokens; 0 = none. Mistral and Qwen2 only. @default {0} */
  readonly slidingWindow?: number;
  /** LM head shares the embedding. @default {false} */
  readonly tied?: boolean;
  /** @default {4096} */
  readonly contextLength?: number;
  /** Jinja text put into `tokenizer_config.json` or the GGUF. @default {null} */
  readonly chatTemplate?: string | null;
  /** @default {1} */
  readonly seed?: number;
}

export type TinySettings = Required<TinyOptions>;

/** A tensor as both file formats need it. */
export interface TinyTensor {
  readonly role: Role;
  /** -1 outside the layers. */
  readonly layer: number;
  readonly dtype: DType;
  readonly rows: number;
  readonly cols: number;
  /** Encoded, row-major, rows of Q and K in Hugging Face order (dim i pairs with i + headDim / 2). */
  readonly data: Uint8Array;
  /** What `data` decodes to: [rows, cols]. */
  readonly values: Float64Array;
}

export interface TinyModel {
  readonly settings: TinySettings;
  readonly tensors: readonly TinyTensor[];
  /**
   * The stored numbers, [rows, cols] row-major, after rounding to the tensor's type. Q and K are in Hugging Face order
   * (`rope.interleaved` false), whatever file they are written to. A tied `lm_head` is the embedding.
   */
  weight(role: Role, layer?: number): Float64Array;
  /** The same numbers for the reference model: by `weightKey()`, without a tied `lm_head`. */
  weights(): Map<string, Float64Array>;
  /** Write config.json, tokenizer files and safetensors (several files when `shards` > 1) into an existing folder. */
  writeFolder(folder: string, shards?: number): void;
  /** Write one GGUF file. */
  writeGguf(path: string): void;
}

/** Build a model; the same options give the same numbers. */
export function tinyModel(options: TinyOptions = {}): TinyModel {
  const settings = withDefaults(options);
  const normal = gaussian(settings.seed);
  const tensors = shapes(settings).map(({ role, layer, rows, cols }): TinyTensor => {
    const dtype = storedType(settings, role);
    const values = new Float32Array(rows * cols);
    const { mean, deviation } = spread(settings, role, cols);
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * normal();
    const data = encodeElements(dtype, values);
    return { role, layer, dtype, rows, cols, data, values: dequantize(dtype, data) };
  });
  return {
    settings,
    tensors,
    weight(role, layer = -1) {
      const wanted = settings.tied && role === "lm_head" ? "embed" : role;
      const tensor = tensors.find((t) => t.role === wanted && t.layer === layer);
      if (tensor === undefined) throw new Error(`tiny model has no ${role} in layer ${layer}`);
      return tensor.values;
    },
    weights: () => new Map(tensors.map((t) => [weightKey(t.role, t.layer), t.values])),
    writeFolder: (folder, shards = 1) => tinyFolder(folder, settings, tensors, shards),
    writeGguf: (path) => tinyGguf(path, settings, tensors),
  };
}

function withDefaults(options: TinyOptions): TinySettings {
  const settings = {
    arch: "llama",
    layers: 2,
    dim: 64,
    hiddenDim: 96,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    dtype: "f32",
    ropeTheta: 10000,
    ropeScaling: null,
    slidingWindow: 0,
    tied: false,
    contextLength: 4096,
    chatTemplate: null,
    seed: 1,
    ...options,
  } as const;
  return { embedDtype: settings.dtype, ...settings };
}

function shapes({ arch, layers, dim, hiddenDim, heads, kvHeads, headDim, tied }: TinySettings) {
  const q = heads * headDim, kv = kvHeads * headDim;
  const list: { role: Role; layer: number; rows: number; cols: number }[] = [];
  const add = (role: Role, layer: number, rows: number, cols: number) => list.push({ role, layer, rows, cols });
  add("embed", -1, TINY_VOCAB, dim);
  for (let l = 0; l < layers; l++) {
    add("attn_norm", l, 1, dim);
    add("wq", l, q, dim);
    add("wk", l, kv, dim);
    add("wv", l, kv, dim);
    add("wo", l, dim, q);
    if (arch === "qwen2") {
      add("bq", l, 1, q);
      add("bk", l, 1, kv);
      add("bv", l, 1, kv);
    }
    if (arch === "qwen3") {
      add("q_norm", l, 1, headDim);
      add("k_norm", l, 1, headDim);
    }
    add("ffn_norm", l, 1, dim);
    add("w_gate", l, hiddenDim, dim);
    add("w_up", l, hiddenDim, dim);
    add("w_down", l, dim, hiddenDim);
  }
  add("final_norm", -1, 1, dim);
  if (!tied) add("lm_head", -1, TINY_VOCAB, dim);
  return list;
}

function storedType({ dtype, embedDtype }: TinySettings, role: Role): DType {
  if (role === "embed" || role === "lm_head") return embedDtype;
  if (role.startsWith("w")) return dtype;
  return dtype === "f16" || dtype === "bf16" ? dtype : "f32"; // vectors are never quantised
}

/** Chosen so that attention has clear favourites and logits spread by about 2.5: neither flat nor saturated. */
function spread({ tied }: TinySettings, role: Role, cols: number): { mean: number; deviation: number } {
  const unit = 1 / Math.sqrt(cols);
  if (role.endsWith("norm")) return { mean: 1, deviation: 0.2 };
  if (role.startsWith("b")) return { mean: 0, deviation: 0.3 };
  if (role === "embed") return { mean: 0, deviation: tied ? 2.5 * unit : 1 };
  if (role === "lm_head") return { mean: 0, deviation: 2.5 * unit };
  return { mean: 0, deviation: role === "wq" || role === "wk" ? 1.5 * unit : unit };
}

/** Normal deviates (Box-Muller). */
function gaussian(seed: number): () => number {
  const uniform = random(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
