/** Shape of the model: how many layers, which bytes each of them fetches, and what every residual dim means. */

import { CODE_DIMS } from "./codes.ts";
import { CONTENT_DIMS } from "./rope.ts";

export interface NeedleShape {
  /** Query heads. @default {8} */
  readonly heads?: number;
  /** KV heads; divides `heads`. @default {2} */
  readonly kvHeads?: number;
  /** Bytes that must agree for a hit, 4 to 16. @default {16} */
  readonly ngram?: number;
  /** Score that one agreeing byte is worth in the last layer. Below about 12 near misses get a share. @default {24} */
  readonly beta?: number;
  /**
   * Let the query heads of a group look at different places in the last copy layer, so that a group ranked by one of
   * its heads loses the answer. @default {false}
   */
  readonly diverge?: boolean;
}

/** A copy layer: every position already has the codes of its last `known` bytes, each KV head adds `chunk` older ones. */
export interface CopyStage {
  readonly known: number;
  readonly chunk: number;
}

export interface NeedlePlan extends Required<NeedleShape> {
  /** Query heads per KV head. */
  readonly group: number;
  readonly stages: readonly CopyStage[];
  /** All copy layers and the match layer. */
  readonly nLayers: number;
  /** Width of the residual stream. */
  readonly dim: number;
  /** Inner width of the feed-forward part. */
  readonly hiddenDim: number;
  /** First residual dim of the code of the byte `j` places back, 0 <= j <= ngram. */
  slot(j: number): number;
  /** First residual dim of the copy of slot `l` that layer `l` makes. */
  copy(l: number): number;
  /** First of 8 residual dims in which the heads vote on the bits of the next byte. */
  readonly vote: number;
  /** First of 8 residual dims with the decision on each bit, +-1 or 0. */
  readonly decision: number;
}

/** Residual dims that stand before the slots. */
export const CONSTANT = 0;
export const IS_BOS = 1;
export const FILLER = 2;
export const FILLER_2 = 3;
/** First of 8 dims with the bits of the token's own byte, +-1/2. */
export const ID_BITS = 4;
const FIRST_SLOT = 12;

/** Amplitude of a unanimous vote: small, so that it hardly changes the norm. */
export const VOTE_UNIT = 1 / 8;

/** Numbers of a model. @throws {RangeError} for a shape that the construction cannot have. */
export function needlePlan(shape: NeedleShape = {}): NeedlePlan {
  const { heads = 8, kvHeads = 2, ngram = 16, beta = 24, diverge = false } = shape;
  if (ngram < 4 || ngram * CODE_DIMS >= CONTENT_DIMS) {
    throw new RangeError(`Cannot make a needle model: ngram must be between 4 and 16: current value is ${ngram}`);
  }
  if (heads % kvHeads !== 0) {
    throw new RangeError(
      `Cannot make a needle model: heads must be a multiple of kvHeads: current values are ${heads} and ${kvHeads}`,
    );
  }
  const stages = copyStages(ngram + 1, kvHeads);
  const slot = (j: number) => FIRST_SLOT + CODE_DIMS * j;
  const copy = (l: number) => slot(ngram + 1) + CODE_DIMS * l;
  const vote = copy(stages.length);
  const decision = vote + 8;
  return {
    heads,
    kvHeads,
    ngram,
    beta,
    diverge,
    group: heads / kvHeads,
    stages,
    nLayers: stages.length + 1,
    dim: Math.ceil((decision + 8) / 64) * 64,
    hiddenDim: 32,
    slot,
    copy,
    vote,
    decision,
  };
}

/** KV head g of a layer takes over `chunk` codes from `known + g * chunk` places back: with two, 1 -> 3 -> 9 -> 17. */
function copyStages(wanted: number, kvHeads: number): CopyStage[] {
  const stages: CopyStage[] = [];
  for (let known = 1; known < wanted;) {
    const chunk = Math.min(known, Math.ceil((wanted - known) / kvHeads));
    stages.push({ known, chunk });
    known += chunk * kvHeads;
  }
  return stages;
}

/** Codes that a position has after a copy layer. */
export function knownAfter(plan: NeedlePlan, { known, chunk }: CopyStage): number {
  return Math.min(plan.ngram + 1, known + chunk * plan.kvHeads);
}
