import type { LayerPlans, Plan } from "./plan.ts";

/** Plans in one line for people: what is kept, what is attended, what is left alone. */
export function formatPlan(layers: LayerPlans): string {
  const compressed = layers.filter((plan) => !isDense(plan));
  const [plan] = compressed;
  if (plan === undefined) return "full cache";
  const keeps = compressed.map(({ keep }) => keep);
  const parts = [describeEviction(plan, counts(keeps)), describeSelection(plan), describeDense(layers)];
  return parts.filter((part) => part !== "").join("; ");
}

/** Whether a layer keeps everything and attends to everything. */
function isDense(plan: Plan): boolean {
  return plan.evict === "none" && plan.select === "all" && plan.stepKeep === 0;
}

function describeEviction(plan: Plan, keep: string): string {
  if (plan.evict === "none") return "";
  if (plan.evict === "recent") {
    const sinks = plan.sinks > 0 ? `${counted(plan.sinks, "sink")} and ` : "";
    return plan.stepKeep > 0
      ? `keep ${sinks}the most recent tokens, ${plan.stepKeep} in all`
      : `keep ${sinks}the most recent prompt tokens, ${keep} in all`;
  }
  const how = [`window ${plan.window}`, plan.poolWidth > 1 ? `${plan.pool} pool ${plan.poolWidth}` : "no pool"];
  if (plan.sinks > 0) how.push(counted(plan.sinks, "sink"));
  const verb = plan.keepHistory ? "use" : "keep";
  return `${verb} ${keep} prompt tokens by vote (${how.join(", ")})`;
}

function describeSelection(plan: Plan): string {
  if (plan.select === "all") return "";
  const pins = [
    plan.pinSinks > 0 ? counted(plan.pinSinks, "sink") : "",
    plan.pinRecent > 0 ? `${plan.pinRecent} recent` : "",
  ].filter((pin) => pin !== "");
  const pinned = pins.length > 0 ? `, ${pins.join(" and ")} pinned` : "";
  if (plan.select === "exact") {
    return `attend to the true top ${plan.topK} per ${plan.rank === "per_head" ? "query" : "KV"} head${pinned}`;
  }
  const unit = plan.wholePages ? "tokens in whole pages" : "tokens";
  const rank = plan.rank === "logit_sum" ? ", ranked by score sums" : "";
  const sign = plan.sign === "head" ? ", signs per head" : "";
  return `attend to ${plan.topK} ${unit} by pages of ${plan.pageSize} over ${plan.queryDims} dims${rank}${sign}${pinned}`;
}

/** Layers at the beginning that are left alone. */
function describeDense(layers: readonly Plan[]): string {
  const dense = layers.findIndex((plan) => !isDense(plan));
  return dense > 0 ? `dense in the first ${dense === 1 ? "layer" : `${dense} layers`}` : "";
}

/** `256`, or `130 to 24` where layers differ. */
function counts(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? `${low}` : `${high} to ${low}`;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
