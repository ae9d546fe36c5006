/** Plans that together use every field: small enough that prompts of 50 to 100 tokens exercise them. */
import { DENSE, type LayerPlans, type Plan } from "../../lib/methods/plan.ts";

const SNAPKV = { evict: "score", keep: 30, window: 8, recent: 8, poolWidth: 7 } as const;
const SCORE = { evict: "score", keep: 30, recent: 3, sinks: 2 } as const;
const PAGES = { select: "pages", pageSize: 3, queryDims: 9, topK: 10 } as const;

const EVICTING: Record<string, Plan> = {
  snapkv: { ...DENSE, ...SNAPKV },
  "snapkv, average pool, sinks": { ...DENSE, ...SNAPKV, pool: "avg", poolWidth: 5, sinks: 4 },
  "snapkv, no pool, window = keep": { ...DENSE, ...SNAPKV, poolWidth: 1, keep: 8 },
  "snapkv, ties by position": { ...DENSE, ...SNAPKV, poolWidth: 15, tieByPosition: true },
  "votes, largest of the group": { ...DENSE, ...SNAPKV, agree: "max" },
  "votes per query head": { ...DENSE, ...SNAPKV, agree: "head", keep: 14 },
  "votes of the whole layer, window not kept": { ...DENSE, ...SNAPKV, agree: "layer", recent: 0, poolWidth: 1 },
  "attention of all queries": { ...DENSE, ...SCORE, score: "attention" },
  "expected attention": { ...DENSE, ...SCORE, score: "expected", sinks: 4, future: 20 },
  "expected attention, covariance, weighed by values": {
    ...DENSE,
    ...SCORE,
    score: "expected",
    future: 5,
    covariance: true,
    valueWeight: true,
    valueEpsilon: 0.01,
    agree: "max",
  },
  "key norm": { ...DENSE, ...SCORE, score: "key_norm", recent: 0, sinks: 0 },
  "key difference": { ...DENSE, ...SCORE, score: "key_diff" },
  lag: { ...DENSE, ...SCORE, score: "lag", lag: 9 },
  random: { ...DENSE, ...SCORE, score: "random", seed: 5 },
  "ada-kv": { ...DENSE, ...SNAPKV, alloc: "ada", safeguard: 0.2, sinks: 1 },
  "ada-kv as in kvpress": { ...DENSE, ...SCORE, score: "key_diff", alloc: "ada_safe", safeguard: 0.3 },
  "critical": { ...DENSE, ...SNAPKV, critical: 0.5, sinks: 2 },
  "critical, ada-kv": { ...DENSE, ...SNAPKV, critical: 0.5, alloc: "ada_safe", safeguard: 0.2 },
};

const STEPPING: Record<string, Plan> = {
  recent: { ...DENSE, evict: "recent", keep: 20, sinks: 4, stepKeep: 20 },
  "recent, shifted positions": { ...DENSE, evict: "recent", keep: 20, sinks: 4, stepKeep: 20, shiftPositions: true },
  "recent, one KV head left alone": { ...DENSE, evict: "recent", keep: 20, sinks: 4, stepKeep: 20, denseHeads: [0] },
  h2o: {
    ...DENSE,
    ...SCORE,
    score: "attention",
    sinks: 0,
    recent: 10,
    keep: 20,
    stepKeep: 20,
    stepEvict: "attention",
    stepRecent: 10,
  },
  tova: {
    ...DENSE,
    ...SNAPKV,
    window: 1,
    recent: 0,
    keep: 20,
    poolWidth: 1,
    agree: "layer",
    stepKeep: 20,
    stepEvict: "current",
  },
  "tova per KV head": {
    ...DENSE,
    ...SNAPKV,
    window: 1,
    recent: 0,
    keep: 20,
    poolWidth: 1,
    stepKeep: 20,
    stepEvict: "current",
    stepRecent: 1,
    sinks: 1,
  },
};

const SELECTING: Record<string, Plan> = {
  hsa: { ...DENSE, ...PAGES },
  "hsa, page 1": { ...DENSE, ...PAGES, pageSize: 1, queryDims: 5 },
  "hsa, all dims, head signs, whole pages": {
    ...DENSE,
    ...PAGES,
    pageSize: 4,
    queryDims: 16,
    sign: "head",
    wholePages: true,
  },
  "hsa, logit sum, pins": { ...DENSE, ...PAGES, rank: "logit_sum", pinSinks: 2, pinRecent: 3 },
  "pages per query head": { ...DENSE, ...PAGES, rank: "per_head", sign: "head", wholePages: true, pageSize: 4 },
  "single tokens, mean value": { ...DENSE, ...PAGES, pageSize: 1, queryDims: 6, meanValue: true, pinRecent: 3 },
  "oracle per group": { ...DENSE, select: "exact", topK: 10 },
  "oracle per head": { ...DENSE, select: "exact", topK: 10, rank: "per_head" },
  rocketkv: { ...DENSE, ...SNAPKV, ...PAGES },
  "rocketkv, pins": { ...DENSE, ...SNAPKV, ...PAGES, sinks: 1, pinSinks: 2, pinRecent: 3 },
  "rocketkv-mt": { ...DENSE, ...SNAPKV, ...PAGES, keepHistory: true },
  "rocketkv on ada-kv": { ...DENSE, ...SNAPKV, ...PAGES, alloc: "ada", safeguard: 0.2 },
  "rocketkv with votes per query head": { ...DENSE, ...SNAPKV, ...PAGES, agree: "head", topK: 6 },
  "rocketkv-mt with votes per query head": { ...DENSE, ...SNAPKV, ...PAGES, agree: "head", topK: 6, keepHistory: true },
};

export const PLANS: Readonly<Record<string, Plan>> = { dense: DENSE, ...EVICTING, ...STEPPING, ...SELECTING };

/** Plans that differ from layer to layer, for a model of three layers. */
export const LAYERED: Readonly<Record<string, LayerPlans>> = {
  "dense first layer": [DENSE, PLANS["snapkv"]!, PLANS["snapkv"]!],
  pyramid: [{ ...DENSE, ...SNAPKV, keep: 45 }, { ...DENSE, ...SNAPKV }, { ...DENSE, ...SNAPKV, keep: 15 }],
  "select, evict, stream": [PLANS["hsa"]!, PLANS["votes per query head"]!, PLANS["recent"]!],
};

/** Whether a model with a sliding window refuses the plan. */
export function needsAllTokens(plan: Plan): boolean {
  return plan.meanValue || plan.shiftPositions || plan.stepEvict !== "oldest";
}
