import type { LayerPlans, Plan } from "./plan.ts";

/** Plans in one line for people: what is kept, what is dropped on the way, what is attended, what is left alone. */
export function formatPlan(plans: LayerPlans): string {
  const compressed = plans.filter((plan) => !isDense(plan));
  // Layers differ in how much they keep, not in how: without an evicting layer any of them will do.
  const plan = compressed.find(({ evict }) => evict !== "none") ?? compressed[0];
  if (plan === undefined) return "full cache";
  const keeps = compressed.filter(({ evict }) => evict !== "none").map(({ keep }) => keep);
  const parts = [describeEviction(plan, counts(keeps)), describeSteps(plan), describeSelection(plan)];
  return [...parts, ...describeLeftAlone(plans)].filter((part) => part !== "").join("; ");
}

/** Whether a layer keeps everything and attends to everything. */
function isDense(plan: Plan): boolean {
  return plan.evict === "none" && plan.select === "all" && plan.stepKeep === 0;
}

const SCORES: Readonly<Record<Plan["score"], string>> = {
  votes: "vote",
  attention: "attention so far",
  expected: "expected attention",
  key_norm: "short keys",
  key_diff: "distinct keys",
  lag: "variation",
  random: "chance",
};

function describeEviction(plan: Plan, keep: string): string {
  if (plan.evict === "none") return "";
  if (plan.evict === "recent") {
    const sinks = plan.sinks > 0 ? `${counted(plan.sinks, "sink")} and ` : "";
    const shift = plan.shiftPositions ? ", positions shifted" : "";
    return plan.stepKeep > 0
      ? `keep ${sinks}the most recent tokens, ${plan.stepKeep} in all${shift}`
      : `keep ${sinks}the most recent prompt tokens, ${keep} in all${shift}`;
  }
  const verb = plan.keepHistory ? "use" : "keep";
  const owner = plan.agree === "head" ? " per query head" : "";
  const details = scoreDetails(plan);
  return `${verb} ${keep} prompt tokens${owner} by ${SCORES[plan.score]}` +
    (details.length > 0 ? ` (${details.join(", ")})` : "");
}

function scoreDetails(plan: Plan): string[] {
  const votes = plan.score === "votes";
  const agree = { sum: "", max: "best of the group", head: "", layer: "one choice per layer" }[plan.agree];
  return [
    votes ? `window ${plan.window}` : "",
    plan.poolWidth > 1 ? `${plan.pool} pool ${plan.poolWidth}` : votes ? "no pool" : "",
    plan.score === "expected" ? `${plan.future} positions ahead` : "",
    plan.score === "lag" ? `partitions of ${plan.lag}` : "",
    plan.valueWeight ? "weighed by values" : "",
    plan.sinks > 0 ? counted(plan.sinks, "sink") : "",
    !votes && plan.recent > 0 ? `${plan.recent} recent` : "",
    agree,
    plan.alloc === "uniform" ? "" : `dealt to heads, safeguard ${plan.safeguard}`,
    plan.critical > 0 ? `all but ${plan.critical} of them by output norms` : "",
  ].filter((detail) => detail !== "");
}

/** Eviction at every step; that of the oldest tokens is told with the eviction after the prompt. */
function describeSteps(plan: Plan): string {
  if (plan.stepKeep === 0 || plan.stepEvict === "oldest") return "";
  const least = plan.stepEvict === "attention" ? "attention so far" : "attention now";
  const safe = plan.stepRecent > 0 ? `, ${plan.stepRecent} most recent safe` : "";
  return `hold ${plan.stepKeep} tokens by dropping the least ${least}${safe}`;
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
  const rank = { softmax_mean: "", logit_sum: ", ranked by score sums", per_head: ", every query head for itself" };
  const sign = plan.sign === "head" ? ", signs per head" : "";
  const rest = plan.meanValue ? ", the mean value for the rest" : "";
  return `attend to ${plan.topK} ${unit} by pages of ${plan.pageSize} over ${plan.queryDims} dims` +
    `${rank[plan.rank]}${sign}${pinned}${rest}`;
}

/** Layers at the beginning, and KV heads in others. */
function describeLeftAlone(plans: LayerPlans): string[] {
  const layers = plans.findIndex((plan) => !isDense(plan));
  const heads = plans.reduce((sum, plan) => sum + plan.denseHeads.length, 0);
  return [
    layers > 0 ? `dense in the first ${layers === 1 ? "layer" : `${layers} layers`}` : "",
    heads > 0 ? `${counted(heads, "KV head")} left alone in all` : "",
  ];
}

/** `256`, or `130 to 24` where layers differ. */
function counts(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? `${low}` : `${high} to ${low}`;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
