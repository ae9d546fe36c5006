/** A method's numbers for one prompt: the TypeScript side of `rkv_plan`, field by field in its order. */

export const EVICT_KINDS = ["none", "snapkv", "recent"] as const;
export const POOL_KINDS = ["max", "avg"] as const;
export const SELECT_KINDS = ["all", "pages", "exact"] as const;
export const RANK_MODES = ["softmax_mean", "logit_sum", "per_head"] as const;
export const SIGN_MODES = ["group", "head"] as const;

/** Most recent queries of every layer that a prefilled session keeps for votes: `RKV_MAX_WINDOW` of the C header. */
export const MAX_WINDOW = 128;

/** See `rkv_plan` in `cuda/include/rocketkv.h` for the meaning and range of every field. */
export interface Plan {
  readonly evict: typeof EVICT_KINDS[number];
  readonly keep: number;
  readonly window: number;
  readonly pool: typeof POOL_KINDS[number];
  readonly poolWidth: number;
  readonly sinks: number;
  readonly keepHistory: boolean;
  readonly select: typeof SELECT_KINDS[number];
  readonly pageSize: number;
  readonly queryDims: number;
  readonly topK: number;
  readonly rank: typeof RANK_MODES[number];
  readonly sign: typeof SIGN_MODES[number];
  readonly wholePages: boolean;
  readonly pinSinks: number;
  readonly pinRecent: number;
  readonly stepKeep: number;
  readonly denseLayers: number;
}

/** Keep everything, attend to everything: the full cache, and the base that every method's plan starts from. */
export const DENSE: Plan = {
  evict: "none",
  keep: 0,
  window: 0,
  pool: "max",
  poolWidth: 1,
  sinks: 0,
  keepHistory: false,
  select: "all",
  pageSize: 1,
  queryDims: 1,
  topK: 1,
  rank: "softmax_mean",
  sign: "group",
  wholePages: false,
  pinSinks: 0,
  pinRecent: 0,
  stepKeep: 0,
  denseLayers: 0,
};
