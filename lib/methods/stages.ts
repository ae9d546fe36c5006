/** The stages that methods are made of, with the numbers that `--set` may replace. */

import { attendedHalf, pageNumbers } from "./budget.ts";
import type { PlanInput } from "./method.ts";
import { checkWindow } from "./settings.ts";
import { AGREE_KINDS, DENSE, type Plan, POOL_KINDS, RANK_MODES, SIGN_MODES } from "./plan.ts";

/** A method's own numbers of a vote. */
export interface VoteNumbers {
  /** What is kept unless told otherwise. */
  readonly promptBudget: number;
  /** Queries that vote; a smaller prompt budget shrinks it. */
  readonly window: number;
  /** Width of the max pooling. */
  readonly kernel: number;
}

/** Evict once, by the votes of the prompt's end: SnapKV with one choice per KV head. */
export function voteStage({ set }: PlanInput, own: VoteNumbers): Plan {
  const keep = set["prompt_budget"] ?? own.promptBudget;
  if (set["window"] !== undefined) checkWindow(set["window"], keep);
  const window = set["window"] ?? Math.min(own.window, keep);
  return {
    ...DENSE,
    evict: "score",
    score: "votes",
    keep,
    window,
    recent: window,
    pool: POOL_KINDS[set["pool"] ?? 0]!,
    poolWidth: set["kernel"] ?? own.kernel,
    tieByPosition: set["tie"] === 1,
    agree: AGREE_KINDS[set["group_rule"] ?? 0]!,
    sinks: set["sinks"] ?? 0,
  };
}

/** Evict once, by scores of another kind: `keep` tokens per KV head unless told otherwise. */
export function scoreStage({ set }: PlanInput, score: Plan["score"], own: { keep: number; sinks: number }): Plan {
  const keep = set["prompt_budget"] ?? own.keep;
  return {
    ...DENSE,
    evict: "score",
    score,
    keep,
    sinks: set["sinks"] ?? Math.min(own.sinks, keep),
    recent: set["recent"] ?? 0,
  };
}

/** A plan that evicts only where there is something to evict. */
export function evictIfNeeded(plan: Plan, promptTokens: number): Plan {
  return plan.keep < promptTokens ? plan : DENSE;
}

type Pages = Pick<
  Plan,
  "select" | "pageSize" | "queryDims" | "topK" | "rank" | "sign" | "wholePages" | "pinSinks" | "pinRecent"
>;

/**
 * Select at every step, by page bounds over the query's strongest dims.
 *
 * @param compression  Tokens in the cache / budget: decides pages and dims where `own` does not.
 * @param own          Numbers of a method that has rules of its own.
 */
export function pageStage(
  { set, headDim, tokenBudget }: PlanInput,
  compression: number,
  own: Partial<Pages> = {},
): Pages {
  const numbers = pageNumbers(compression, headDim, set["page_size"] ?? own.pageSize);
  const chosen = <T>(name: string, words: readonly T[], byDefault: T): T =>
    set[name] === undefined ? byDefault : words[set[name]]!;
  return {
    select: "pages",
    pageSize: numbers.pageSize,
    queryDims: set["query_dims"] ?? own.queryDims ?? numbers.queryDims,
    topK: set["top_k"] ?? own.topK ?? attendedHalf(tokenBudget),
    rank: chosen("rank", RANK_MODES, own.rank ?? "softmax_mean"),
    sign: chosen("sign", SIGN_MODES, own.sign ?? "group"),
    wholePages: chosen("whole_pages", [false, true], own.wholePages ?? false),
    ...pinStage(set, own.pinRecent),
  };
}

/** What every selection must contain. */
export function pinStage(set: PlanInput["set"], pinRecent = 0): Pick<Plan, "pinSinks" | "pinRecent"> {
  return { pinSinks: set["pin_sinks"] ?? 0, pinRecent: set["pin_recent"] ?? pinRecent };
}
