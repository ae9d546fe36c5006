import type { Plan } from "./plan.ts";

/** A plan in one line for people: what is kept, and what is attended. */
export function formatPlan(plan: Plan): string {
  const parts = [describeEviction(plan), describeSelection(plan)].filter((part) => part !== "");
  if (parts.length === 0) return "full cache";
  if (plan.denseLayers > 0) {
    parts.push(`dense in the first ${plan.denseLayers === 1 ? "layer" : `${plan.denseLayers} layers`}`);
  }
  return parts.join("; ");
}

function describeEviction(plan: Plan): string {
  if (plan.evict === "none") return "";
  if (plan.evict === "recent") {
    const sinks = plan.sinks > 0 ? `${counted(plan.sinks, "sink")} and ` : "";
    return plan.stepKeep > 0
      ? `keep ${sinks}the most recent tokens, ${plan.stepKeep} in all`
      : `keep ${sinks}the most recent prompt tokens, ${plan.keep} in all`;
  }
  const how = [`window ${plan.window}`, plan.poolWidth > 1 ? `${plan.pool} pool ${plan.poolWidth}` : "no pool"];
  if (plan.sinks > 0) how.push(counted(plan.sinks, "sink"));
  const verb = plan.keepHistory ? "use" : "keep";
  return `${verb} ${plan.keep} prompt tokens by vote (${how.join(", ")})`;
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

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
