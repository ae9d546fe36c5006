/** The whole model: embedding, copy layers, match layer, output. */

import { BOS, EOS, tokenCodes, VOCAB_SIZE } from "./codes.ts";
import { addCopyLayer } from "./copy_layer.ts";
import { addMatchLayer, matchSquaredNorm } from "./match_layer.ts";
import {
  CONSTANT,
  FILLER,
  FILLER_2,
  ID_BITS,
  IS_BOS,
  type NeedlePlan,
  needlePlan,
  type NeedleShape,
  VOTE_UNIT,
} from "./plan.ts";
import { addWeight, bit, fillNorm, finalNorm, rmsFactor, type Weights } from "./weights.ts";

/** Logit that one agreeing bit adds, and of EOS: EOS wins when the heads agree on fewer than 6.5 of 8 bits. */
const BIT_LOGIT = 4;
const EOS_LOGIT = 26;
const NEVER_LOGIT = -40;

export interface NeedleModel {
  readonly plan: NeedlePlan;
  readonly weights: Weights;
}

/** All weights of a model. */
export function needleModel(shape: NeedleShape = {}): NeedleModel {
  const plan = needlePlan(shape);
  const codes = tokenCodes();
  const weights: Weights = new Map();
  addEmbedding(weights, plan, codes);
  for (let l = 0; l < plan.stages.length; l++) addCopyLayer(weights, plan, l);
  addMatchLayer(weights, plan, codes);
  addOutput(weights, plan);
  return { plan, weights };
}

/** Every row has the squared norm 4: constant 1, id bits or fillers 2, code 1. */
function addEmbedding(weights: Weights, plan: NeedlePlan, codes: readonly (readonly number[])[]): void {
  const { data } = addWeight(weights, "model.embed_tokens.weight", VOCAB_SIZE, plan.dim);
  for (let id = 0; id < VOCAB_SIZE; id++) {
    const row = data.subarray(id * plan.dim, (id + 1) * plan.dim);
    row[CONSTANT] = 1;
    if (id < 256) {
      for (let b = 0; b < 8; b++) row[ID_BITS + b] = bit(id, b) / 2;
    } else {
      row[FILLER] = 1;
      row[id === BOS ? IS_BOS : FILLER_2] = 1;
    }
    row.set(codes[id]!, plan.slot(0));
  }
}

/** The output reads the decisions; a unanimous answer has 8 of them, which is the norm it is scaled for. */
function addOutput(weights: Weights, plan: NeedlePlan): void {
  fillNorm(addWeight(weights, "model.norm.weight", plan.dim), finalNorm);
  const { data } = addWeight(weights, "lm_head.weight", VOCAB_SIZE, plan.dim);
  for (let id = 0; id < VOCAB_SIZE; id++) {
    const row = data.subarray(id * plan.dim, (id + 1) * plan.dim);
    if (id < 256) {
      for (let b = 0; b < 8; b++) row[plan.decision + b] = BIT_LOGIT * bit(id, b) / finalNorm(plan.decision + b);
    } else {
      row[CONSTANT] = (id === EOS ? EOS_LOGIT : NEVER_LOGIT) / finalNorm(CONSTANT);
    }
  }
  const factor = rmsFactor(matchSquaredNorm(plan) + 8 * VOTE_UNIT ** 2 + 8, plan.dim);
  for (let i = 0; i < data.length; i++) data[i]! /= factor;
}
