/** The two stages that methods are made of, with the numbers that `--set` may replace. */

import { attendedHalf, pageNumbers } from "./budget.ts";
import type { PlanInput } from "./method.ts";
import { checkWindow } from "./settings.ts";
import { type Plan, POOL_KINDS, RANK_MODES, SIGN_MODES } from "./plan.ts";

type Vote = Pick<Plan, "evict" | "score" | "keep" | "window" | "recent" | "pool" | "poolWidth" | "sinks">;
type Pages = Pick<
  Plan,
  "select" | "pageSize" | "queryDims" | "topK" | "rank" | "sign" | "wholePages" | "pinSinks" | "pinRecent"
>;

/**
 * Evict once, by the votes of the prompt's end: SnapKV with one choice per KV head.
 *
 * @param promptBudget  What the method keeps unless told otherwise.
 * @param window        The method's own observation window; a smaller prompt budget shrinks it.
 */
export function voteStage({ set }: PlanInput, promptBudget: number, window: number): Vote {
  const keep = set["prompt_budget"] ?? promptBudget;
  if (set["window"] !== undefined) checkWindow(set["window"], keep);
  const voters = set["window"] ?? Math.min(window, keep);
  return {
    evict: "score",
    score: "votes",
    keep,
    window: voters,
    recent: voters,
    pool: POOL_KINDS[set["pool"] ?? 0]!,
    poolWidth: set["kernel"] ?? 63,
    sinks: set["sinks"] ?? 0,
  };
}

/**
 * Select at every step, by page bounds over the query's strongest dims.
 *
 * @param compression  Tokens in the cache / budget: decides pages and dims where `own` does not.
 * @param own          Page size and dims of a method that has a rule of its own.
 */
export function pageStage(
  { set, headDim, tokenBudget }: PlanInput,
  compression: number,
  own: { pageSize?: number; queryDims?: number } = {},
): Pages {
  const numbers = pageNumbers(compression, headDim, set["page_size"] ?? own.pageSize);
  return {
    select: "pages",
    pageSize: numbers.pageSize,
    queryDims: set["query_dims"] ?? own.queryDims ?? numbers.queryDims,
    topK: set["top_k"] ?? attendedHalf(tokenBudget),
    rank: RANK_MODES[set["rank"] ?? 0]!,
    sign: SIGN_MODES[set["sign"] ?? 0]!,
    wholePages: set["whole_pages"] === 1,
    ...pinStage(set),
  };
}

/** What every selection must contain. */
export function pinStage(set: PlanInput["set"]): Pick<Plan, "pinSinks" | "pinRecent"> {
  return { pinSinks: set["pin_sinks"] ?? 0, pinRecent: set["pin_recent"] ?? 0 };
}
