/** What a model file says about itself, whatever the file format: numbers, tensors with their places, and text data. */

/** Element types of tensors; the order is `rkv_dtype` of the C header. */
export const DTYPES = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"] as const;
export type DType = typeof DTYPES[number];

/** What a tensor is for; the order is `rkv_role` of the C header, which gives the shapes. */
export const ROLES = [
  "embed",
  "final_norm",
  "lm_head",
  "attn_norm",
  "wq",
  "wk",
  "wv",
  "wo",
  "bq",
  "bk",
  "bv",
  "q_norm",
  "k_norm",
  "ffn_norm",
  "w_gate",
  "w_up",
  "w_down",
] as const;
export type Role = typeof ROLES[number];

/** Numbers of an architecture. Lengths are in tokens, sizes in elements. */
export interface ModelConfig {
  /** Canonical name, e.g. `llama`, `mistral`, `qwen2`, `qwen3`. */
  readonly architecture: string;
  readonly nLayers: number;
  readonly dim: number;
  readonly hiddenDim: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  /** Positions the model was made for, RoPE scaling included. */
  readonly contextLength: number;
  readonly normEps: number;
  readonly rope: RopeConfig;
  /** Tokens a query may look back, itself included; 0 = all. */
  readonly slidingWindow: number;
  readonly qkvBias: boolean;
  readonly qkNorm: boolean;
}

/** Rotary position embedding with every scaling already folded into the frequencies. */
export interface RopeConfig {
  /** Leading dims of a head that are rotated. */
  readonly dims: number;
  /** False: dim i pairs with i + dims/2 (Hugging Face); true: dim 2i with 2i + 1 (GGUF files of Llama). */
  readonly interleaved: boolean;
  /** Radians per position, `dims / 2` of them. */
  readonly invFreq: Float64Array;
  /** Multiplies cos and sin. */
  readonly attentionFactor: number;
  /** How the frequencies came about, for people: `theta 10000`, `theta 500000, llama3 x8`. */
  readonly description: string;
}

/** One tensor and where its bytes lie. */
export interface TensorRef {
  /** Name in the file, for messages. */
  readonly name: string;
  readonly role: Role;
  /** -1 for tensors outside the layers. */
  readonly layer: number;
  readonly dtype: DType;
  readonly rows: number;
  readonly cols: number;
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Value of a GGUF metadata key; 64-bit integers arrive as numbers when they are safe, otherwise the file is refused. */
export type GgufValue = number | boolean | string | readonly number[] | readonly boolean[] | readonly string[];

/** Everything that turns text into token ids and back, still in the file's own form. */
export type TextSource =
  | {
    readonly kind: "huggingface";
    /** Parsed `tokenizer.json`. */
    readonly tokenizer: Record<string, unknown>;
    /** Parsed `tokenizer_config.json`, `{}` when absent. */
    readonly tokenizerConfig: Record<string, unknown>;
    /** Parsed `generation_config.json`, `{}` when absent. */
    readonly generationConfig: Record<string, unknown>;
    /** `eos_token_id` and `bos_token_id` of `config.json`, as found there. */
    readonly configEos: readonly number[];
    readonly configBos: number | null;
    /** Text of `chat_template.jinja` when that file exists. */
    readonly chatTemplateFile: string | null;
  }
  | { readonly kind: "gguf"; readonly metadata: ReadonlyMap<string, GgufValue> };

/** A model on disk, read but not loaded. */
export interface ModelSource {
  readonly path: string;
  readonly format: "gguf" | "safetensors";
  /** What people call it: `general.name` or the folder's name. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly tensors: readonly TensorRef[];
  readonly text: TextSource;
  /** Parameters, tied ones counted once. */
  readonly parameters: number;
  /** Bytes of all tensors in the files. */
  readonly weightBytes: number;
}
