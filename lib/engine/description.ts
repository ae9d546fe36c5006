import type { ModelSource } from "../model/types.ts";
import type { ModelText } from "../text/types.ts";

/** What a model's files say, in numbers and short texts. Bytes of a KV cache are for bf16. */
export interface ModelDescription {
  readonly name: string;
  readonly path: string;
  readonly format: ModelSource["format"];
  readonly architecture: string;
  readonly parameters: number;
  readonly weightBytes: number;
  /** Tensors and bytes of each element type; a tied embedding is counted once. */
  readonly dtypes: readonly { readonly dtype: string; readonly tensors: number; readonly bytes: number }[];
  readonly layers: number;
  readonly hiddenSize: number;
  readonly ffnSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  /** 0 = every token sees all before it. */
  readonly slidingWindow: number;
  readonly rope: string;
  readonly qkvBias: boolean;
  readonly qkNorm: boolean;
  readonly kvBytesPerToken: number;
  /** BOS as the vocabulary writes it, and whether prompts begin with it. */
  readonly bos: string | null;
  readonly addsBos: boolean;
  /** Tokens that end an answer. */
  readonly eos: readonly string[];
  readonly chatTemplate: boolean;
}

export function describeModel(source: ModelSource, { tokenizer, chat }: ModelText): ModelDescription {
  const { config } = source;
  const places = new Map(source.tensors.map((tensor) => [`${tensor.path}:${tensor.offset}`, tensor]));
  const byType = Map.groupBy(places.values(), ({ dtype }) => dtype);
  return {
    name: source.name,
    path: source.path,
    format: source.format,
    architecture: config.architecture,
    parameters: source.parameters,
    weightBytes: source.weightBytes,
    dtypes: [...byType].map(([dtype, tensors]) => ({
      dtype,
      tensors: tensors.length,
      bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    })),
    layers: config.nLayers,
    hiddenSize: config.dim,
    ffnSize: config.hiddenDim,
    heads: config.nHeads,
    kvHeads: config.nKvHeads,
    headDim: config.headDim,
    vocabSize: config.vocabSize,
    contextLength: config.contextLength,
    slidingWindow: config.slidingWindow,
    rope: config.rope.description,
    qkvBias: config.qkvBias,
    qkNorm: config.qkNorm,
    kvBytesPerToken: 4 * config.nLayers * config.nKvHeads * config.headDim,
    bos: tokenizer.bosId === null ? null : tokenizer.piece(tokenizer.bosId),
    addsBos: tokenizer.addBos,
    eos: tokenizer.eosIds.map((id) => tokenizer.piece(id)),
    chatTemplate: chat !== null,
  };
}
