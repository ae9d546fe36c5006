import {
  AGREE_KINDS,
  ALLOC_KINDS,
  EVICT_KINDS,
  type LayerPlans,
  type Plan,
  POOL_KINDS,
  RANK_MODES,
  SCORE_KINDS,
  SELECT_KINDS,
  SIGN_MODES,
  STEP_KINDS,
} from "../methods/plan.ts";
import type { Bytes } from "./struct.ts";
import { COMPRESS_REPORT, PLAN } from "./structs.ts";

/** Plans as an array of the library's `rkv_plan`. */
export function packPlans(plans: LayerPlans): Bytes {
  const packed = plans.map(packPlan);
  const all = new Uint8Array(packed.length * packed[0]!.length);
  packed.forEach((bytes, i) => all.set(bytes, i * bytes.length));
  return all;
}

/** Names become their index in the lists of `methods/plan.ts`. */
function packPlan(plan: Plan): Bytes {
  return PLAN.pack({
    evict: EVICT_KINDS.indexOf(plan.evict),
    keep: plan.keep,
    sinks: plan.sinks,
    recent: plan.recent,
    keep_history: Number(plan.keepHistory),
    score: SCORE_KINDS.indexOf(plan.score),
    window: plan.window,
    future: plan.future,
    covariance: Number(plan.covariance),
    lag: plan.lag,
    seed: plan.seed,
    agree: AGREE_KINDS.indexOf(plan.agree),
    value_weight: Number(plan.valueWeight),
    value_epsilon: plan.valueEpsilon,
    pool: POOL_KINDS.indexOf(plan.pool),
    pool_width: plan.poolWidth,
    tie_by_position: Number(plan.tieByPosition),
    alloc: ALLOC_KINDS.indexOf(plan.alloc),
    safeguard: plan.safeguard,
    critical: plan.critical,
    select: SELECT_KINDS.indexOf(plan.select),
    page_size: plan.pageSize,
    query_dims: plan.queryDims,
    top_k: plan.topK,
    rank: RANK_MODES.indexOf(plan.rank),
    sign: SIGN_MODES.indexOf(plan.sign),
    whole_pages: Number(plan.wholePages),
    pin_sinks: plan.pinSinks,
    pin_recent: plan.pinRecent,
    mean_value: Number(plan.meanValue),
    step_keep: plan.stepKeep,
    step_evict: STEP_KINDS.indexOf(plan.stepEvict),
    step_recent: plan.stepRecent,
    shift_positions: Number(plan.shiftPositions),
    dense_heads_low: headBits(plan.denseHeads, 0),
    dense_heads_high: headBits(plan.denseHeads, 32),
  });
}

/** Bits of the heads from `first` on. */
function headBits(heads: readonly number[], first: number): number {
  return heads.filter((h) => h >= first && h < first + 32).reduce((bits, h) => bits + 2 ** (h - first), 0);
}

/** What a compression did, in bytes of one session and tokens of one KV head. */
export interface CompressReport {
  /** Fewest and most tokens that a KV head can attend to. */
  readonly keptMin: number;
  readonly keptMax: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Page bounds and index lists. */
  readonly bytesAux: number;
}

export function unpackReport(bytes: Bytes): CompressReport {
  const report = COMPRESS_REPORT.unpack(bytes);
  return {
    keptMin: report.kept_min,
    keptMax: report.kept_max,
    bytesBefore: report.bytes_before,
    bytesAfter: report.bytes_after,
    bytesAux: report.bytes_aux,
  };
}
