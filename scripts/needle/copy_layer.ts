/** Copy layers: every position fetches the codes of bytes before it, by position alone. */

import { CODE_DIMS } from "./codes.ts";
import { CONSTANT, type CopyStage, IS_BOS, knownAfter, type NeedlePlan } from "./plan.ts";
import {
  frequency,
  HALF,
  HEAD_DIM,
  PEAK,
  phase,
  POSITION_PAIRS,
  positionShare,
  SINK_DIM,
  SQRT_HEAD_DIM,
} from "./rope.ts";
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

/** Score of BOS: 9 below the wanted position, 12 above every other, so that a missing byte reads BOS. */
const SINK_BELOW_PEAK = 9;
const SINK_QUERY = 4;
/** Gate of the copying feed-forward units. */
const GATE = 8;

/** Adds copy layer `l`. */
export function addCopyLayer(weights: Weights, plan: NeedlePlan, l: number): void {
  const stage = plan.stages[l]!;
  const layer = addLayer(weights, plan, l);
  // Squared norm: constant 1, id bits 2, one for each code, one for each copy that an earlier layer made.
  const fixed = 3 + l;
  const put = putAfter(attnNorm, fixed + stage.known, plan.dim);
  for (let head = 0; head < plan.heads; head++) writeQuery(layer, put, plan, l, head);
  for (let kvHead = 0; kvHead < plan.kvHeads; kvHead++) writeKeyAndValue(layer, put, plan, stage, kvHead);
  writeSlotCopy(layer, putAfter(ffnNorm, fixed + knownAfter(plan, stage), plan.dim), plan, l);
}

/** The query asks for the position `offset` tokens back; the heads of a group share out the dims of the value. */
function writeQuery({ wq, wo }: LayerWeights, put: Put, plan: NeedlePlan, l: number, head: number): void {
  const { group, slot } = plan;
  const { known, chunk } = plan.stages[l]!;
  const kvHead = Math.floor(head / group);
  const inGroup = head % group;
  const apart = plan.diverge && l === plan.stages.length - 1 && chunk <= group; // one byte for each head
  const offset = known + kvHead * chunk + (apart ? inGroup : 0);
  const row = head * HEAD_DIM;
  const temper = [1, 1.1, 0.95, 1.05][inGroup % 4]!; // heads of a group differ in sharpness
  for (let i = 0; i < POSITION_PAIRS; i++) {
    const amplitude = temper * Math.sqrt(positionShare(i) * SQRT_HEAD_DIM);
    const angle = phase(kvHead, i) - offset * frequency(i);
    put(wq, row + i, CONSTANT, amplitude * Math.cos(angle));
    put(wq, row + i + HALF, CONSTANT, amplitude * Math.sin(angle));
  }
  put(wq, row + SINK_DIM, CONSTANT, temper * SINK_QUERY);

  const dims = apart ? (inGroup < chunk ? range(0, CODE_DIMS, 1) : []) : range(inGroup, chunk * CODE_DIMS, group);
  for (const x of dims) {
    const target = slot(offset) + x;
    if (target >= slot(plan.ngram + 1)) break; // older than any slot
    wo.data[target * plan.heads * HEAD_DIM + row + valueDim(kvHead, x)] = 1;
  }
}

/** Every key says where it is; BOS has no place, it is only the fallback. The value is the newest `chunk` codes. */
function writeKeyAndValue(
  { wk, wv }: LayerWeights,
  put: Put,
  plan: NeedlePlan,
  stage: CopyStage,
  kvHead: number,
): void {
  const row = kvHead * HEAD_DIM;
  for (let i = 0; i < POSITION_PAIRS; i++) {
    const amplitude = Math.sqrt(positionShare(i) * SQRT_HEAD_DIM);
    for (const [source, sign] of [[CONSTANT, 1], [IS_BOS, -1]] as const) {
      put(wk, row + i, source, sign * amplitude * Math.cos(phase(kvHead, i)));
      put(wk, row + i + HALF, source, sign * amplitude * Math.sin(phase(kvHead, i)));
    }
  }
  put(wk, row + SINK_DIM, IS_BOS, (PEAK - SINK_BELOW_PEAK) * SQRT_HEAD_DIM / SINK_QUERY);
  for (let x = 0; x < stage.chunk * CODE_DIMS; x++) put(wv, row + valueDim(kvHead, x), plan.slot(0) + x, 1);
}

/** The feed-forward part copies slot `l`: the match layer's query looks for its newest bytes in the copies. */
function writeSlotCopy({ wGate, wUp, wDown }: LayerWeights, put: Put, plan: NeedlePlan, l: number): void {
  for (let c = 0; c < CODE_DIMS; c++) {
    put(wGate, c, CONSTANT, GATE);
    put(wUp, c, plan.slot(l) + c, 1);
    wDown.data[(plan.copy(l) + c) * plan.hiddenDim + c] = 1 / silu(GATE);
  }
}

function range(from: number, to: number, step: number): number[] {
  const list: number[] = [];
  for (let x = from; x < to; x += step) list.push(x);
  return list;
}
