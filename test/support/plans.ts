/** Plans that together use every field: small enough that prompts of 50 to 100 tokens exercise them. */
import { DENSE, type Plan } from "../../lib/methods/plan.ts";

const SNAPKV = { evict: "score", keep: 30, window: 8, recent: 8, poolWidth: 7 } as const;
const PAGES = { select: "pages", pageSize: 3, queryDims: 9, topK: 10 } as const;

export const PLANS: Readonly<Record<string, Plan>> = {
  dense: DENSE,
  snapkv: { ...DENSE, ...SNAPKV },
  "snapkv, average pool, sinks": { ...DENSE, ...SNAPKV, pool: "avg", poolWidth: 5, sinks: 4 },
  "snapkv, no pool, window = keep": { ...DENSE, ...SNAPKV, poolWidth: 1, keep: 8 },
  recent: { ...DENSE, evict: "recent", keep: 20, sinks: 4, stepKeep: 20 },
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
  "oracle per group": { ...DENSE, select: "exact", topK: 10 },
  "oracle per head": { ...DENSE, select: "exact", topK: 10, rank: "per_head" },
  rocketkv: { ...DENSE, ...SNAPKV, ...PAGES },
  "rocketkv, pins": { ...DENSE, ...SNAPKV, ...PAGES, sinks: 1, pinSinks: 2, pinRecent: 3 },
  "rocketkv-mt": { ...DENSE, ...SNAPKV, ...PAGES, keepHistory: true },
};
