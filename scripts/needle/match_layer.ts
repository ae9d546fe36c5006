/** The last layer: a position is a hit when the bytes before it equal the newest bytes; its own byte is the answer. */

import { BOS, CODE_DIMS } from "./codes.ts";
import { CONSTANT, ID_BITS, IS_BOS, type NeedlePlan, VOTE_UNIT } from "./plan.ts";
import { contentDim, HEAD_DIM, SINK_DIM, SQRT_HEAD_DIM } from "./rope.ts";
import {
  addLayer,
  attnNorm,
  ffnNorm,
  type LayerWeights,
  type Put,
  putAfter,
  silu,
  valueDim,
  type Weights,
} from "./weights.ts";

/** Amplitude of a key's code. */
const KEY_UNIT = 8;
/** Score of BOS as a fraction of a full hit: 13.6 of 16 bytes must agree to beat it. */
const SINK_LEVEL = 0.85;
/** Steepness and threshold of the units that turn a vote into a decision. */
const DECISION_GATE = 20;

/** Squared norm of the residual that the match layer sees: constant 1, id bits 2, all codes, all copies. */
export function matchSquaredNorm(plan: NeedlePlan): number {
  return 3 + (plan.ngram + 1) + plan.stages.length;
}

/** Adds the match layer. @param codes As from tokenCodes(). */
export function addMatchLayer(weights: Weights, plan: NeedlePlan, codes: readonly (readonly number[])[]): void {
  const layer = addLayer(weights, plan, plan.nLayers - 1);
  const squaredNorm = matchSquaredNorm(plan);
  const put = putAfter(attnNorm, squaredNorm, plan.dim);
  // The sink's query is small and its key large: with equal amplitudes its dim would be the first that methods with
  // few query dims choose, and BOS would outrank every needle.
  const sinkQuery = 0.3 * plan.beta * SQRT_HEAD_DIM / KEY_UNIT;
  const sinkKey = SINK_LEVEL * plan.beta * plan.ngram * SQRT_HEAD_DIM / sinkQuery;
  for (let head = 0; head < plan.heads; head++) writeQuery(layer, put, plan, head, sinkQuery);
  for (let kvHead = 0; kvHead < plan.kvHeads; kvHead++) {
    writeKeyAndValue(layer, put, plan, kvHead, sinkKey, codes[BOS]!);
  }
  writeDecision(layer, putAfter(ffnNorm, squaredNorm + 8 * VOTE_UNIT ** 2, plan.dim), plan);
}

/** The query is the newest `ngram` codes; a KV head votes on the bits b with b mod kvHeads = its index. */
function writeQuery({ wq, wo }: LayerWeights, put: Put, plan: NeedlePlan, head: number, sinkQuery: number): void {
  const { ngram, beta, group, kvHeads } = plan;
  const kvHead = Math.floor(head / group);
  const row = head * HEAD_DIM;
  for (let j = 0; j < ngram; j++) {
    const source = j < plan.stages.length ? plan.copy(j) : plan.slot(j);
    const amplitude = beta * profile(head % group, j, ngram) * SQRT_HEAD_DIM / KEY_UNIT;
    for (let c = 0; c < CODE_DIMS; c++) {
      const x = CODE_DIMS * j + c;
      put(wq, row + place(plan, kvHead, x), source + c, sign(kvHead, x) * amplitude);
    }
  }
  put(wq, row + SINK_DIM, CONSTANT, sinkQuery);
  for (let b = kvHead; b < 8; b += kvHeads) {
    wo.data[(plan.vote + b) * plan.heads * HEAD_DIM + row + valueDim(kvHead, b)] = VOTE_UNIT / group;
  }
}

/** The key is the `ngram` codes before the position; BOS's own code is taken out, so that it is the sink and no more. */
function writeKeyAndValue(
  { wk, wv }: LayerWeights,
  put: Put,
  plan: NeedlePlan,
  kvHead: number,
  sinkKey: number,
  bosCode: readonly number[],
): void {
  const row = kvHead * HEAD_DIM;
  for (let j = 0; j < plan.ngram; j++) {
    for (let c = 0; c < CODE_DIMS; c++) {
      const x = CODE_DIMS * j + c;
      const amplitude = sign(kvHead, x) * KEY_UNIT;
      put(wk, row + place(plan, kvHead, x), plan.slot(j + 1) + c, amplitude);
      put(wk, row + place(plan, kvHead, x), IS_BOS, -amplitude * bosCode[c]!);
    }
  }
  put(wk, row + SINK_DIM, IS_BOS, sinkKey);
  for (let b = 0; b < 8; b++) put(wv, row + valueDim(kvHead, b), ID_BITS + b, 2); // bits as +-1
}

/** decision = relu(|u| - 1/2) * 2 sign(u) for the vote u on each bit, in [-1, 1]: one unit for each bit and sign. */
function writeDecision({ wGate, wUp, wDown }: LayerWeights, put: Put, plan: NeedlePlan): void {
  for (let b = 0; b < 8; b++) {
    for (const [unit, side] of [[2 * b, 1], [2 * b + 1, -1]] as const) {
      put(wGate, unit, plan.vote + b, side * DECISION_GATE / VOTE_UNIT);
      put(wGate, unit, CONSTANT, -DECISION_GATE / 2);
      put(wUp, unit, CONSTANT, 1);
      wDown.data[(plan.decision + b) * plan.hiddenDim + unit] = side / silu(DECISION_GATE / 2);
    }
  }
}

/** Weight of the byte `j` places back in a head of a group; the mean over j is 1. */
function profile(inGroup: number, j: number, ngram: number): number {
  const age = (2 * j - (ngram - 1)) / (ngram - 1); // -1 newest, 1 oldest
  return [1, 1 - 0.2 * age, 1 + 0.2 * age, 1 + (j % 2 === 1 ? -0.15 : 0.15)][inGroup % 4]!;
}

/** Dim of a head that holds entry `x` of the codes: KV heads use different places and signs. */
function place(plan: NeedlePlan, kvHead: number, x: number): number {
  return contentDim((x + 20 * kvHead) % (CODE_DIMS * plan.ngram));
}

function sign(kvHead: number, x: number): number {
  return ((x * 2654435761 + kvHead * 40503) >>> 7) & 1 ? 1 : -1;
}
