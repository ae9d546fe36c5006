import { UsageError } from "../error.ts";
import { MAX_WINDOW, type Plan } from "./plan.ts";

/**
 * Refuse a plan whose numbers cannot work together: the rules of `rkv_plan`, said with the names that `--set` uses, so
 * that a mistake is seen before a model is loaded.
 *
 * @throws {UsageError}
 */
export function checkPlan(
  method: string,
  plan: Plan,
  model: { readonly headDim: number; readonly nLayers: number },
): void {
  const require = (fits: boolean, wanted: string, found: string): void => {
    if (!fits) throw new UsageError(`Cannot plan ${method}: ${wanted}: found ${found}`);
  };
  const { keep, window, sinks, stepKeep, topK, pinSinks, pinRecent, pageSize, queryDims, denseLayers } = plan;

  require(
    denseLayers <= model.nLayers,
    "dense_layers must be <= the model's layers",
    `${denseLayers} and ${model.nLayers}`,
  );
  if (plan.evict !== "none") require(keep >= 1, "the prompt budget must be >= 1", `${keep}`);
  if (plan.evict === "snapkv") {
    require(window >= 1 && window <= MAX_WINDOW, `window must be between 1 and ${MAX_WINDOW}`, `${window}`);
    require(window <= keep, "window must be <= prompt_budget", `${window} and ${keep}`);
    require(sinks + window <= keep, "sinks + window must be <= prompt_budget", `${sinks} + ${window} and ${keep}`);
    require(plan.poolWidth % 2 === 1, "kernel must be odd", `${plan.poolWidth}`);
  }
  if (plan.evict === "recent") require(sinks < keep, "sinks must be below the budget", `${sinks} and ${keep}`);
  if (stepKeep > 0) {
    require(sinks < stepKeep, "sinks must be below the budget", `${sinks} and ${stepKeep}`);
    // Dropping one token at every step would shift all pages, and nothing can be both dropped and kept.
    require(plan.select !== "pages", "eviction at every step excludes pages", "select pages");
    require(!plan.keepHistory, "eviction at every step excludes keeping the history", "both");
  }
  if (plan.select === "all") return;
  require(topK >= 1, "top_k must be >= 1", `${topK}`);
  require(
    pinSinks + pinRecent <= topK,
    "pin_sinks + pin_recent must be <= top_k",
    `${pinSinks} + ${pinRecent} and ${topK}`,
  );
  if (plan.select === "exact") return;
  require(pageSize >= 1, "page_size must be >= 1", `${pageSize}`);
  require(
    queryDims >= 1 && queryDims <= model.headDim,
    `query_dims must be between 1 and the head dim ${model.headDim}`,
    `${queryDims}`,
  );
  require(plan.rank !== "per_head", "a choice per query head excludes pages", "select pages");
  if (plan.wholePages) {
    const least = pinSinks + pinRecent + pageSize;
    require(least <= topK, "whole_pages needs pin_sinks + pin_recent + page_size <= top_k", `${least} and ${topK}`);
  }
}
