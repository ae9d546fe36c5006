/** The numbers of a model: checks and rules that hold whatever file they come from. */
import type { Fields } from "./fields.ts";
import type { RopeScaling } from "./rope.ts";
import type { ModelConfig } from "./types.ts";

/** Bound that keeps a damaged file from sending the loader through billions of names. */
export const MAX_LAYERS = 1024;

/** Refuse numbers that the native library cannot work with. */
export function checkConfig(fields: Fields, config: ModelConfig): ModelConfig {
  const { nHeads, nKvHeads, headDim, rope } = config;
  if (nHeads % nKvHeads !== 0) {
    fields.fail(`query heads must be a multiple of the KV heads: found ${nHeads} query heads and ${nKvHeads} KV heads`);
  }
  if (headDim < 8 || headDim > 256 || headDim % 8 !== 0) {
    fields.fail(`head dim must be a multiple of 8 from 8 to 256: found ${headDim}`);
  }
  if (rope.dims < 2 || rope.dims > headDim || rope.dims % 2 !== 0) {
    fields.fail(`rotated dims of a head must be an even number from 2 to ${headDim}: found ${rope.dims}`);
  }
  return config;
}

/** Head dim when the file does not give one. */
export function defaultHeadDim(fields: Fields, dim: number, nHeads: number): number {
  if (dim % nHeads !== 0) fields.fail(`hidden size must be a multiple of the query heads: found ${dim} and ${nHeads}`);
  return dim / nHeads;
}

/**
 * Positions that a model was made for.
 *
 * @param stated    The context length in the file.
 * @param original  The context length before scaling, where the file has it.
 * Files with linear scaling state the length before scaling, unless they give that one separately.
 */
export function scaledContext(scaling: RopeScaling, stated: number, original: number | null): number {
  switch (scaling.kind) {
    case "linear":
      return original === null
        ? Math.round(stated * scaling.factor)
        : Math.max(stated, Math.round(original * scaling.factor));
    case "yarn":
      return Math.max(stated, Math.round(scaling.originalContext * scaling.factor));
    default:
      return stated;
  }
}
