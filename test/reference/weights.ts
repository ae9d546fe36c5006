/** Small models with random weights: something to run the reference and the native library on. */

import type { ModelConfig, Role } from "../../lib/model/types.ts";
import type { Weights } from "./model.ts";
import { weightKey } from "./model.ts";
import { range } from "./ops.ts";
import { randomRows } from "./random.ts";

/** Llama with 2 layers, 4 query heads on 2 KV heads, no extras; `changes` replace any of it. */
export function tinyConfig(changes: Partial<ModelConfig> = {}): ModelConfig {
  const headDim = changes.headDim ?? 8;
  return {
    architecture: "llama",
    nLayers: 2,
    dim: 32,
    hiddenDim: 48,
    nHeads: 4,
    nKvHeads: 2,
    headDim,
    vocabSize: 64,
    contextLength: 4096,
    normEps: 1e-5,
    rope: {
      dims: headDim,
      interleaved: false,
      invFreq: Float64Array.from({ length: headDim / 2 }, (_, i) => 10_000 ** (-2 * i / headDim)),
      attentionFactor: 1,
      description: "theta 10000",
    },
    slidingWindow: 0,
    qkvBias: false,
    qkNorm: false,
    ...changes,
  };
}

/** [rows, cols] of every tensor that a layer of the model has, then of those outside the layers. */
export function tensorShapes(
  config: ModelConfig,
): { layer: [Role, number, number][]; model: [Role, number, number][] } {
  const { dim, hiddenDim, headDim, vocabSize } = config;
  const queries = config.nHeads * headDim;
  const keys = config.nKvHeads * headDim;
  const layer: [Role, number, number][] = [
    ["attn_norm", 1, dim],
    ["wq", queries, dim],
    ["wk", keys, dim],
    ["wv", keys, dim],
    ["wo", dim, queries],
    ["ffn_norm", 1, dim],
    ["w_gate", hiddenDim, dim],
    ["w_up", hiddenDim, dim],
    ["w_down", dim, hiddenDim],
  ];
  if (config.qkvBias) layer.push(["bq", 1, queries], ["bk", 1, keys], ["bv", 1, keys]);
  if (config.qkNorm) layer.push(["q_norm", 1, headDim], ["k_norm", 1, headDim]);
  return { layer, model: [["embed", vocabSize, dim], ["final_norm", 1, dim], ["lm_head", vocabSize, dim]] };
}

/** Random weights that keep activations near 1: matrices of variance 1/cols, norms around 1; exact in f32. */
export function randomWeights(config: ModelConfig, seed: number): Weights {
  const weights = new Map<string, Float64Array>();
  const shapes = tensorShapes(config);
  const put = ([role, rows, cols]: [Role, number, number], layer: number) => {
    const [noise] = randomRows(1, rows * cols, seed + weights.size);
    const value = role.endsWith("norm")
      ? noise!.map((x) => 1 + x / 8)
      : role === "embed"
      ? noise!
      : noise!.map((x) => x / Math.sqrt(cols));
    weights.set(weightKey(role, layer), value.map(Math.fround));
  };
  shapes.model.forEach((shape) => put(shape, -1));
  range(0, config.nLayers).forEach((layer) => shapes.layer.forEach((shape) => put(shape, layer)));
  return weights;
}
