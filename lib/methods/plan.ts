/** A method's numbers for one layer and prompt: the TypeScript side of `rkv_plan`, field by field in its order. */

export const EVICT_KINDS = ["none", "recent", "score"] as const;
export const SCORE_KINDS = ["votes", "attention", "expected", "key_norm", "key_diff", "lag", "random"] as const;
export const AGREE_KINDS = ["sum", "max", "head", "layer"] as const;
export const POOL_KINDS = ["max", "avg"] as const;
export const ALLOC_KINDS = ["uniform", "ada", "ada_safe"] as const;
export const SELECT_KINDS = ["all", "pages", "exact"] as const;
export const RANK_MODES = ["softmax_mean", "logit_sum", "per_head"] as const;
export const SIGN_MODES = ["group", "head"] as const;
export const STEP_KINDS = ["oldest", "attention", "current"] as const;

/** Most recent queries of every layer that a prefilled session keeps for votes: `RKV_MAX_WINDOW` of the C header. */
export const MAX_WINDOW = 128;

/** First position whose query counts for expected attention: `RKV_OBSERVE_FROM` of the C header. */
export const OBSERVE_FROM = 4;

/** See `rkv_plan` in `cuda/include/rocketkv.h` for the meaning and range of every field. */
export interface Plan {
  readonly evict: typeof EVICT_KINDS[number];
  readonly keep: number;
  readonly sinks: number;
  readonly recent: number;
  readonly keepHistory: boolean;
  readonly score: typeof SCORE_KINDS[number];
  readonly window: number;
  readonly future: number;
  readonly covariance: boolean;
  readonly lag: number;
  readonly seed: number;
  readonly agree: typeof AGREE_KINDS[number];
  readonly valueWeight: boolean;
  readonly valueEpsilon: number;
  readonly pool: typeof POOL_KINDS[number];
  readonly poolWidth: number;
  readonly tieByPosition: boolean;
  readonly alloc: typeof ALLOC_KINDS[number];
  readonly safeguard: number;
  readonly critical: number;
  readonly select: typeof SELECT_KINDS[number];
  readonly pageSize: number;
  readonly queryDims: number;
  readonly topK: number;
  readonly rank: typeof RANK_MODES[number];
  readonly sign: typeof SIGN_MODES[number];
  readonly wholePages: boolean;
  readonly pinSinks: number;
  readonly pinRecent: number;
  readonly meanValue: boolean;
  readonly stepKeep: number;
  readonly stepEvict: typeof STEP_KINDS[number];
  readonly stepRecent: number;
  readonly shiftPositions: boolean;
  /** KV heads that are left alone, ascending; at most 64 heads a layer can be told apart. */
  readonly denseHeads: readonly number[];
}

/** Plans of a model's layers: one for all of them, or one each. */
export type LayerPlans = readonly [Plan, ...Plan[]];

/** Keep everything, attend to everything: the full cache, and the base that every method's plan starts from. */
export const DENSE: Plan = {
  evict: "none",
  keep: 0,
  sinks: 0,
  recent: 0,
  keepHistory: false,
  score: "votes",
  window: 1,
  future: 1,
  covariance: false,
  lag: 1,
  seed: 0,
  agree: "sum",
  valueWeight: false,
  valueEpsilon: 0,
  pool: "max",
  poolWidth: 1,
  tieByPosition: false,
  alloc: "uniform",
  safeguard: 0,
  critical: 0,
  select: "all",
  pageSize: 1,
  queryDims: 1,
  topK: 1,
  rank: "softmax_mean",
  sign: "group",
  wholePages: false,
  pinSinks: 0,
  pinRecent: 0,
  meanValue: false,
  stepKeep: 0,
  stepEvict: "oldest",
  stepRecent: 0,
  shiftPositions: false,
  denseHeads: [],
};

/** The plan of one layer. */
export function planOfLayer(plans: LayerPlans, layer: number): Plan {
  return plans.length === 1 ? plans[0] : plans[layer]!;
}
