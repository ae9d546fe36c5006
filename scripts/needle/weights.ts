/** Named weight matrices, and writing into them with RMS norms undone. */

import { HEAD_DIM } from "./rope.ts";
import type { NeedlePlan } from "./plan.ts";

export const NORM_EPS = 1e-5;

/** Element types that matrices can be written in. */
export type FloatDType = "f32" | "bf16";

/** One tensor, row-major, in Hugging Face's orientation: [out, in] for a matrix, [n] for a vector. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Every tensor of a model by its Hugging Face name. */
export type Weights = Map<string, Weight>;

/** Tensors of one layer. */
export interface LayerWeights {
  readonly attnNorm: Weight;
  readonly wq: Weight;
  readonly wk: Weight;
  readonly wv: Weight;
  readonly wo: Weight;
  readonly ffnNorm: Weight;
  readonly wGate: Weight;
  readonly wUp: Weight;
  readonly wDown: Weight;
}

/** Adds a tensor of zeros. */
export function addWeight(weights: Weights, name: string, ...shape: number[]): Weight {
  const weight = { shape, data: new Float32Array(shape.reduce((product, n) => product * n)) };
  weights.set(name, weight);
  return weight;
}

/** Adds the tensors of layer `l`, norms filled in, the rest zero. */
export function addLayer(weights: Weights, plan: NeedlePlan, l: number): LayerWeights {
  const { dim, hiddenDim } = plan;
  const queries = plan.heads * HEAD_DIM;
  const keys = plan.kvHeads * HEAD_DIM;
  const add = (name: string, ...shape: number[]) => addWeight(weights, `model.layers.${l}.${name}.weight`, ...shape);
  const layer = {
    attnNorm: add("input_layernorm", dim),
    wq: add("self_attn.q_proj", queries, dim),
    wk: add("self_attn.k_proj", keys, dim),
    wv: add("self_attn.v_proj", keys, dim),
    wo: add("self_attn.o_proj", dim, queries),
    ffnNorm: add("post_attention_layernorm", dim),
    wGate: add("mlp.gate_proj", hiddenDim, dim),
    wUp: add("mlp.up_proj", hiddenDim, dim),
    wDown: add("mlp.down_proj", dim, hiddenDim),
  };
  fillNorm(layer.attnNorm, attnNorm);
  fillNorm(layer.ffnNorm, ffnNorm);
  return layer;
}

/**
 * Weights of the norms by residual dim. They differ from 1 so that an engine that skips one fails; as powers of two
 * they stay exact in bf16.
 */
export const attnNorm = (i: number): number => [1, 0.5, 2][i % 3]!;
export const ffnNorm = (i: number): number => [2, 1, 0.5][i % 3]!;
export const finalNorm = (i: number): number => [0.5, 2, 1][i % 3]!;

export function fillNorm({ data }: Weight, norm: (i: number) => number): void {
  data.forEach((_, i) => data[i] = norm(i));
}

/**
 * Writes the entries of a matrix that follows a norm.
 *
 * The squared norm of the residual is the same at every position, so the norm is one factor, and
 * `put(matrix, row, col, value)` makes the row see `value` times the residual's entry `col` as it was before the norm.
 */
export type Put = (matrix: Weight, row: number, col: number, value: number) => void;

export function putAfter(norm: (i: number) => number, squaredNorm: number, dim: number): Put {
  const factor = rmsFactor(squaredNorm, dim);
  return ({ data }, row, col, value) => data[row * dim + col] = value / (factor * norm(col));
}

/** Dim of a KV head's value that holds entry `x`: KV heads use different dims, so that mixing them up breaks the model. */
export function valueDim(kvHead: number, x: number): number {
  return 8 * kvHead + x;
}

/** What an RMS norm multiplies a vector by, before its weights. */
export function rmsFactor(squaredNorm: number, dim: number): number {
  return 1 / Math.sqrt(squaredNorm / dim + NORM_EPS);
}

/** The activation of the feed-forward part. */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** Bit `b` of a byte as +-1. */
export function bit(byte: number, b: number): number {
  return (byte >> b) & 1 ? 1 : -1;
}
