import { UsageError } from "../error.ts";
import type { PlanInput } from "./method.ts";
import { type LayerPlans, MAX_WINDOW, type Plan } from "./plan.ts";

/** Asks for something of a plan's numbers. */
type Require = (fits: boolean, wanted: string, found: string) => void;

type Shape = Pick<PlanInput, "headDim" | "nLayers" | "nKvHeads">;

/**
 * Refuse plans whose numbers cannot work together: the rules of `rkv_plan`, said with the names that `--set` uses, so
 * that a mistake is seen before a prompt is run.
 *
 * @throws {UsageError}
 */
export function checkPlans(method: string, plans: LayerPlans, shape: Shape): void {
  const require: Require = (fits, wanted, found) => {
    if (!fits) throw new UsageError(`Cannot plan ${method}: ${wanted}: found ${found}`);
  };
  require(
    plans.length === 1 || plans.length === shape.nLayers,
    "there must be one plan, or one for each layer",
    `${plans.length} plans and ${shape.nLayers} layers`,
  );
  for (const plan of plans) {
    checkEviction(plan, require);
    checkStep(plan, require);
    checkSelection(plan, shape, require);
    checkHeads(plan, shape, require);
  }
}

function checkEviction(plan: Plan, require: Require): void {
  const { evict, keep, sinks, recent } = plan;
  if (evict === "none") return;
  require(keep >= 1, "the prompt budget must be >= 1", `${keep}`);
  if (evict === "recent") return require(sinks < keep, "sinks must be below the budget", `${sinks} and ${keep}`);
  if (plan.score === "votes") checkVotes(plan, require);
  require(sinks + recent <= keep, "sinks + recent must be <= the budget", `${sinks} + ${recent} and ${keep}`);
  require(plan.future >= 1, "future must be >= 1", `${plan.future}`);
  require(plan.lag >= 1, "lag must be >= 1", `${plan.lag}`);
  require(plan.valueEpsilon >= 0, "epsilon must be >= 0", `${plan.valueEpsilon}`);
  require(plan.poolWidth % 2 === 1, "kernel must be odd", `${plan.poolWidth}`);
  require(plan.safeguard >= 0 && plan.safeguard <= 1, "safeguard must be between 0 and 1", `${plan.safeguard}`);
  require(plan.critical >= 0 && plan.critical <= 1, "critical must be between 0 and 1", `${plan.critical}`);
  checkAgreement(plan, require);
}

function checkVotes({ window, keep, sinks, recent }: Plan, require: Require): void {
  require(window >= 1 && window <= MAX_WINDOW, `window must be between 1 and ${MAX_WINDOW}`, `${window}`);
  require(window <= keep, "window must be <= prompt_budget", `${window} and ${keep}`);
  require(recent <= window, "tokens that are always kept must be <= window", `${recent} and ${window}`);
  require(sinks + recent <= keep, "sinks + window must be <= prompt_budget", `${sinks} + ${recent} and ${keep}`);
}

/** What cannot be said of scores that are not there for every KV head, or of caches of different lengths. */
function checkAgreement({ score, agree, alloc, stepKeep }: Plan, require: Require): void {
  const perKvHead = agree === "sum" || agree === "max";
  require(alloc === "uniform" || perKvHead, "budgets per head need scores per KV head", `agree ${agree}`);
  require(
    alloc === "uniform" || stepKeep === 0,
    "budgets per head exclude eviction at every step",
    `${stepKeep} tokens`,
  );
  const summed = agree === "sum" || agree === "layer";
  require(score !== "attention" || summed, "attention so far is a sum over the group", `agree ${agree}`);
  require(score !== "expected" || agree !== "head", "expected attention is scored per KV head", `agree ${agree}`);
  require(
    agree !== "head" || stepKeep === 0,
    "a choice per query head excludes eviction at every step",
    `${stepKeep} tokens`,
  );
}

function checkStep(plan: Plan, require: Require): void {
  const { stepKeep, sinks, stepRecent, keep } = plan;
  require(
    !plan.shiftPositions || stepKeep > 0 || plan.evict === "recent",
    "shift needs eviction of the oldest tokens",
    `evict ${plan.evict}`,
  );
  if (stepKeep === 0) return;
  require(sinks < stepKeep, "sinks must be below the budget", `${sinks} and ${stepKeep}`);
  // Dropping one token at every step would shift all pages, and nothing can be both dropped and kept.
  require(plan.select !== "pages", "eviction at every step excludes pages", "select pages");
  require(!plan.keepHistory, "eviction at every step excludes keeping the history", "both");
  if (plan.stepEvict === "oldest") return;
  // One token goes at every step, so that the cache has to begin within the limit.
  require(
    plan.evict !== "none" && keep <= stepKeep,
    "eviction at every step needs a cache that fits",
    `${keep} and ${stepKeep}`,
  );
  require(
    sinks + stepRecent <= stepKeep,
    "sinks + recent must be <= the budget",
    `${sinks} + ${stepRecent} and ${stepKeep}`,
  );
}

function checkSelection(plan: Plan, { headDim }: Shape, require: Require): void {
  const pagesPerGroup = plan.select === "pages" && plan.agree !== "head";
  require(!plan.meanValue || pagesPerGroup, "mean_value needs pages of a whole group", `select ${plan.select}`);
  if (plan.select === "all") return;
  const { topK, pinSinks, pinRecent, pageSize, queryDims } = plan;
  require(topK >= 1, "top_k must be >= 1", `${topK}`);
  require(
    pinSinks + pinRecent <= topK,
    "pin_sinks + pin_recent must be <= top_k",
    `${pinSinks} + ${pinRecent} and ${topK}`,
  );
  if (plan.select === "exact") return;
  require(pageSize >= 1, "page_size must be >= 1", `${pageSize}`);
  require(
    queryDims >= 1 && queryDims <= headDim,
    `query_dims must be between 1 and the head dim ${headDim}`,
    `${queryDims}`,
  );
  if (plan.wholePages) {
    const least = pinSinks + pinRecent + pageSize;
    require(least <= topK, "whole_pages needs pin_sinks + pin_recent + page_size <= top_k", `${least} and ${topK}`);
  }
}

/** KV heads that a plan leaves alone are bits of a 64-bit number. */
function checkHeads({ denseHeads }: Plan, { nKvHeads }: Shape, require: Require): void {
  require(
    denseHeads.every((head) => head >= 0 && head < Math.min(64, nKvHeads)),
    `heads that are left alone must be below ${Math.min(64, nKvHeads)}`,
    `${denseHeads}`,
  );
}
