import { EVICT_KINDS, type Plan, POOL_KINDS, RANK_MODES, SELECT_KINDS, SIGN_MODES } from "../methods/plan.ts";
import type { Bytes } from "./struct.ts";
import { COMPRESS_REPORT, PLAN } from "./structs.ts";

/** A plan as the library's `rkv_plan`; names become their index in the lists of `methods/plan.ts`. */
export function packPlan(plan: Plan): Bytes {
  return PLAN.pack({
    evict: EVICT_KINDS.indexOf(plan.evict),
    keep: plan.keep,
    window: plan.window,
    pool: POOL_KINDS.indexOf(plan.pool),
    pool_width: plan.poolWidth,
    sinks: plan.sinks,
    keep_history: Number(plan.keepHistory),
    select: SELECT_KINDS.indexOf(plan.select),
    page_size: plan.pageSize,
    query_dims: plan.queryDims,
    top_k: plan.topK,
    rank: RANK_MODES.indexOf(plan.rank),
    sign: SIGN_MODES.indexOf(plan.sign),
    whole_pages: Number(plan.wholePages),
    pin_sinks: plan.pinSinks,
    pin_recent: plan.pinRecent,
    step_keep: plan.stepKeep,
    dense_layers: plan.denseLayers,
  });
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
