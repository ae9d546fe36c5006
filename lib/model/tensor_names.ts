/** What the tensors of a file are for: a table of names per format, and the check that a model is complete. */
import { BLOCKS } from "./dtype.ts";
import { type FileTensor, oneLineError, showShape } from "./model_file.ts";
import { type DType, DTYPES, type ModelConfig, type Role, type TensorRef } from "./types.ts";

interface NameTable {
  readonly outside: Readonly<Record<string, Role>>;
  /** What stands before the layer's number in a name. */
  readonly layerPrefix: string;
  readonly inLayer: Readonly<Record<string, Role>>;
  /** Tensors that repeat what the configuration says. */
  readonly harmless: RegExp;
}

/** One table serves all supported architectures; which roles a model must have follows from its configuration. */
const NAMES: Readonly<Record<"safetensors" | "gguf", NameTable>> = {
  safetensors: {
    outside: {
      "model.embed_tokens.weight": "embed",
      "model.norm.weight": "final_norm",
      "lm_head.weight": "lm_head",
    },
    layerPrefix: "model.layers.",
    inLayer: {
      "input_layernorm.weight": "attn_norm",
      "self_attn.q_proj.weight": "wq",
      "self_attn.k_proj.weight": "wk",
      "self_attn.v_proj.weight": "wv",
      "self_attn.o_proj.weight": "wo",
      "self_attn.q_proj.bias": "bq",
      "self_attn.k_proj.bias": "bk",
      "self_attn.v_proj.bias": "bv",
      "self_attn.q_norm.weight": "q_norm",
      "self_attn.k_norm.weight": "k_norm",
      "post_attention_layernorm.weight": "ffn_norm",
      "mlp.gate_proj.weight": "w_gate",
      "mlp.up_proj.weight": "w_up",
      "mlp.down_proj.weight": "w_down",
    },
    harmless: /(^|\.)rotary_emb\.inv_freq$/,
  },
  gguf: {
    outside: {
      "token_embd.weight": "embed",
      "output_norm.weight": "final_norm",
      "output.weight": "lm_head",
    },
    layerPrefix: "blk.",
    inLayer: {
      "attn_norm.weight": "attn_norm",
      "attn_q.weight": "wq",
      "attn_k.weight": "wk",
      "attn_v.weight": "wv",
      "attn_output.weight": "wo",
      "attn_q.bias": "bq",
      "attn_k.bias": "bk",
      "attn_v.bias": "bv",
      "attn_q_norm.weight": "q_norm",
      "attn_k_norm.weight": "k_norm",
      "ffn_norm.weight": "ffn_norm",
      "ffn_gate.weight": "w_gate",
      "ffn_up.weight": "w_up",
      "ffn_down.weight": "w_down",
    },
    harmless: /^rope_freqs\.weight$|\.attn_rot_embd$/, // the first is part of the configuration by now
  },
};

const OUTSIDE: readonly Role[] = ["embed", "final_norm", "lm_head"];
const VECTORS: ReadonlySet<Role> = new Set([
  "final_norm",
  "attn_norm",
  "ffn_norm",
  "q_norm",
  "k_norm",
  "bq",
  "bk",
  "bv",
]);

/** Missing tensors that a message lists before it only counts. */
const MAX_LISTED = 24;

/** [rows, cols] of a role's tensor; vectors are [1, n]. */
export function roleShape(config: ModelConfig, role: Role): [number, number] {
  const { dim, hiddenDim, headDim, vocabSize } = config;
  const q = config.nHeads * headDim, kv = config.nKvHeads * headDim;
  switch (role) {
    case "embed":
    case "lm_head":
      return [vocabSize, dim];
    case "final_norm":
    case "attn_norm":
    case "ffn_norm":
      return [1, dim];
    case "wq":
      return [q, dim];
    case "wk":
    case "wv":
      return [kv, dim];
    case "wo":
      return [dim, q];
    case "bq":
      return [1, q];
    case "bk":
    case "bv":
      return [1, kv];
    case "q_norm":
    case "k_norm":
      return [1, headDim];
    case "w_gate":
    case "w_up":
      return [hiddenDim, dim];
    case "w_down":
      return [dim, hiddenDim];
  }
}

/**
 * Give every tensor of a model its role and check type and shape.
 *
 * @param tied  The LM head is the embedding: an `lm_head` then refers to the embedding's bytes, whatever the file has.
 * @returns Tensors outside the layers first, then layer by layer.
 * @throws {RunError} for a tensor of an unsupported type or wrong shape, for one that is not known (it may change the
 *   computation), and, in one message, for all that are missing.
 */
export function assignRoles(
  path: string,
  format: "safetensors" | "gguf",
  files: readonly FileTensor[],
  config: ModelConfig,
  tied: boolean,
): TensorRef[] {
  const table = NAMES[format];
  const byName = new Map(files.map((tensor) => [tensor.name, tensor]));
  const refs: TensorRef[] = [], absent = new Set<string>(), known = new Set<string>();
  const embedName = nameOf(table, "embed", -1);
  for (const { role, layer } of wantedRoles(config)) {
    const own = nameOf(table, role, layer);
    known.add(own);
    const name = role === "lm_head" && tied ? embedName : own;
    const tensor = byName.get(name);
    if (tensor === undefined) absent.add(name);
    else refs.push(toRef(tensor, role, layer, config));
  }
  for (const { name, path: file } of files) {
    if (known.has(name) || table.harmless.test(name)) continue;
    throw oneLineError(
      `Cannot load tensor "${name}" of ${file}: the parts of a ${config.architecture} model with ${config.nLayers} ` +
        `layers are known, this is none of them and may change the computation`,
    );
  }
  const missing = [...absent];
  if (missing.length > 0) {
    const more = missing.length > MAX_LISTED ? ` and ${missing.length - MAX_LISTED} more` : "";
    throw oneLineError(
      `Cannot load ${path}: tensors must be complete: missing ${missing.slice(0, MAX_LISTED).join(", ")}${more}`,
    );
  }
  return refs;
}

/** Whether a file's LM head is the embedding; GGUF files say so by leaving it out. */
export function ggufIsTied(files: readonly FileTensor[]): boolean {
  const name = nameOf(NAMES.gguf, "lm_head", -1);
  return !files.some((tensor) => tensor.name === name);
}

function nameOf(table: NameTable, role: Role, layer: number): string {
  const names = layer < 0 ? table.outside : table.inLayer;
  const name = Object.keys(names).find((n) => names[n] === role)!;
  return layer < 0 ? name : `${table.layerPrefix}${layer}.${name}`;
}

function wantedRoles({ nLayers, qkvBias, qkNorm }: ModelConfig): { role: Role; layer: number }[] {
  const inLayer = Object.values(NAMES.gguf.inLayer).filter((role) =>
    role === "q_norm" || role === "k_norm" ? qkNorm : role === "bq" || role === "bk" || role === "bv" ? qkvBias : true
  );
  const wanted = OUTSIDE.map((role) => ({ role, layer: -1 }));
  for (let layer = 0; layer < nLayers; layer++) wanted.push(...inLayer.map((role) => ({ role, layer })));
  return wanted;
}

function toRef(tensor: FileTensor, role: Role, layer: number, config: ModelConfig): TensorRef {
  const { name, dtype, shape, path, offset, bytes } = tensor;
  const [rows, cols] = roleShape(config, role);
  const vector = VECTORS.has(role);
  const wanted = vector ? [cols] : [rows, cols];
  if (shape.length !== wanted.length || shape.some((n, axis) => n !== wanted[axis])) {
    refuseTensor(tensor, showShape(wanted), showShape(shape));
  }
  if (!isDType(dtype)) refuseTensor(tensor, "f32, f16 or bf16", dtype);
  if (vector && BLOCKS[dtype].elements > 1) refuseTensor(tensor, "a vector of f32, f16 or bf16", dtype);
  return { name, role, layer, dtype, rows, cols, path, offset, bytes };
}

function isDType(dtype: string): dtype is DType {
  return (DTYPES as readonly string[]).includes(dtype);
}

function refuseTensor({ name, path }: FileTensor, expected: string, found: string): never {
  throw oneLineError(`Cannot load tensor "${name}" of ${path}: expected ${expected}, found ${found}`);
}
