import type { Bytes } from "./struct.ts";
import { SAMPLER } from "./structs.ts";

/** How the next token is drawn: penalty, temperature, top-k, top-p, min-p, draw, in this order. */
export interface Sampler {
  /** 0 = always the most likely token. */
  readonly temperature: number;
  /** Keep the k most likely tokens, 0 = off. */
  readonly topK: number;
  /** Keep the most likely tokens that hold this much probability together, 1 = off. */
  readonly topP: number;
  /** Keep tokens with at least this share of the best token's probability, 0 = off. */
  readonly minP: number;
  /** Divides positive and multiplies negative logits of recent tokens, 1 = off. */
  readonly repeatPenalty: number;
  /** Recent tokens that the penalty looks at. */
  readonly repeatLastN: number;
  /** Together with the position the only source of randomness. */
  readonly seed: bigint;
}

/** The most likely token, always: ties go to the lower id. */
export const GREEDY: Sampler = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  repeatLastN: 64,
  seed: 0n,
};

/** An array of `rkv_sampler`. */
export function packSamplers(samplers: readonly Sampler[]): Bytes {
  return SAMPLER.pack(...samplers.map((sampler) => ({
    temperature: sampler.temperature,
    top_k: sampler.topK,
    top_p: sampler.topP,
    min_p: sampler.minP,
    repeat_penalty: sampler.repeatPenalty,
    repeat_last_n: sampler.repeatLastN,
    reserved: 0,
    seed: sampler.seed,
  })));
}
