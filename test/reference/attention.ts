/**
 * Attention over one KV head in float64: exact attention, the vote that decides what to keep, and the selection of every
 * decode step. This file is the specification: the backends are tested against it. The meaning of each number of a plan
 * is in `cuda/include/rocketkv.h`.
 *
 * `k` and `v` hold the candidates of one KV head, in the order of their positions; results are indices into them.
 */

import type { Plan } from "../../lib/methods/plan.ts";
import { dot, range, ranked, type Row, softmax } from "./ops.ts";

export type { Row } from "./ops.ts";

/** Exact attention of one query head over `slots`; the softmax runs over those only. */
export function attend(q: Row, k: Row[], v: Row[], slots: number[]): Row {
  const weight = softmax(Float64Array.from(slots, (s) => dot(q, k[s]!) / Math.sqrt(q.length)));
  const out = new Float64Array(v[slots[0]!]!.length);
  slots.forEach((s, i) => v[s]!.forEach((x, dim) => out[dim]! += weight[i]! * x));
  return out;
}

/**
 * SnapKV votes: what the queries of the last tokens attend to, summed over them and over the group.
 *
 * Each query's softmax covers every key that it can see, the window's own included; those keys are then left out,
 * because the window is always kept.
 *
 * @param q              [window][group] queries after RoPE, of the last `window` cached tokens.
 * @param k              [n] keys.
 * @param positions      [n] ascending.
 * @param slidingWindow  Tokens a query may look back, itself included; 0 = all.
 * @returns [n - window]
 */
export function vote(q: Row[][], k: Row[], positions: number[], slidingWindow: number): Float64Array {
  const prefix = k.length - q.length;
  const votes = new Float64Array(prefix);
  q.forEach((heads, row) => {
    const self = prefix + row;
    const visible = range(0, self + 1).filter((s) =>
      slidingWindow === 0 || positions[self]! - positions[s]! < slidingWindow
    );
    for (const head of heads) {
      const weight = softmax(Float64Array.from(visible, (s) => dot(head, k[s]!) / Math.sqrt(head.length)));
      visible.forEach((s, i) => {
        if (s < prefix) votes[s]! += weight[i]!;
      });
    }
  });
  return votes;
}

/** 1-D pooling of stride 1: `max` ignores what lies outside, `avg` counts it as zeros and always divides by `width`. */
export function pool(score: ArrayLike<number>, kind: "max" | "avg", width: number): Float64Array {
  const half = (width - 1) / 2;
  return Float64Array.from({ length: score.length }, (_, i) => {
    const near = range(Math.max(0, i - half), Math.min(score.length, i + half + 1)).map((j) => score[j]!);
    return kind === "max" ? Math.max(...near) : near.reduce((a, b) => a + b, 0) / width;
  });
}

/**
 * Which of the voted tokens stay: the first `sinks` and the best of the others, `keep` in all.
 *
 * A wide pool makes plateaus of equal scores, so ties are the rule: the higher pooled score goes first, then the higher
 * unpooled one (the peak of a plateau is never lost before its neighbours), then the lower index.
 *
 * @returns Ascending indices.
 */
export function keepBest(
  score: ArrayLike<number>,
  keep: number,
  sinks: number,
  kind: "max" | "avg",
  width: number,
): number[] {
  const pooled = pool(score, kind, width);
  const first = range(0, Math.min(sinks, score.length));
  const others = range(first.length, score.length)
    .sort((a, b) => pooled[b]! - pooled[a]! || score[b]! - score[a]! || a - b);
  return [...first, ...others].slice(0, keep).sort((a, b) => a - b);
}

/** Element-wise min and max of every page of `pageSize` consecutive keys; the last page may be shorter. */
export function pageBounds(k: Row[], pageSize: number): { min: Row[]; max: Row[] } {
  const pages = range(0, Math.ceil(k.length / pageSize)).map((p) => k.slice(p * pageSize, (p + 1) * pageSize));
  const bound = (page: Row[], pick: (...x: number[]) => number) =>
    page[0]!.map((_, dim) => pick(...page.map((key) => key[dim]!)));
  return { min: pages.map((page) => bound(page, Math.min)), max: pages.map((page) => bound(page, Math.max)) };
}

/**
 * What one decode step attends to.
 *
 * @param q          [group] queries after RoPE.
 * @param k          [n] keys of the candidates, the current token's last.
 * @param first      First candidate inside the sliding window; earlier ones are neither scored nor chosen.
 * @param positions  [n] positions of the candidates, for `pinSinks`; by default nothing was evicted.
 * @returns One ascending list, or one per query head when `plan.rank` is `per_head`.
 */
export function selectTokens(
  q: Row[],
  k: Row[],
  plan: Plan,
  first = 0,
  positions: number[] = range(0, k.length),
): number[][] {
  const live = range(first, k.length);
  const lists = plan.rank === "per_head" ? q.length : 1;
  if (plan.select === "all" || live.length <= plan.topK) return Array.from({ length: lists }, () => live);

  const score = tokenScores(q, k, live, plan);
  const pageSize = plan.select === "exact" ? 1 : plan.pageSize;
  const pinned = live.filter((s) => positions[s]! < plan.pinSinks || s >= k.length - plan.pinRecent);
  const rankings = plan.rank === "per_head"
    ? score
    : plan.rank === "logit_sum"
    ? [total(score)]
    : [total(score.map(softmax))];
  return rankings.map((ranking) => fill(ranking, live, pinned, pageSize, plan));
}

/**
 * How much of query head `g`'s attention its choice is estimated to hold: the softmax weight, by the scores that chose
 * it, of `list` among the candidates from `first` on. SparQ's alpha (arXiv:2312.04985).
 *
 * @param list  Chosen candidates, as selectTokens() returns them.
 */
export function selectionMass(q: Row[], k: Row[], plan: Plan, first: number, list: number[], g: number): number {
  const live = range(first, k.length);
  if (list.length === live.length) return 1;
  const weight = softmax(tokenScores(q, k, live, plan)[g]!);
  return list.reduce((sum, s) => sum + weight[s - first]!, 0);
}

/** What every live token is scored by, [group][live]. A head that chooses for itself is a group of its own. */
function tokenScores(q: Row[], k: Row[], live: number[], plan: Plan): Row[] {
  if (plan.select === "exact") return exactScores(q, k, live);
  const teams = plan.rank === "per_head" ? q.map((head) => [head]) : [q];
  return teams.flatMap((team) => pageScores(team, k, live, plan));
}

/**
 * The pins, then pages from the best down. The page that no longer fits is taken from its lowest positions, or with
 * `wholePages` left out, unless it would be the only one: there are never more than `topK` tokens.
 */
function fill(ranking: Row, live: number[], pinned: number[], pageSize: number, plan: Plan): number[] {
  const chosen = new Set(pinned);
  const pages = new Set(ranked(ranking).map((i) => Math.floor(live[i]! / pageSize)));
  let taken = 0;
  for (const page of pages) {
    const tokens = live.filter((s) => Math.floor(s / pageSize) === page && !chosen.has(s));
    if (tokens.length === 0) continue;
    const room = plan.topK - chosen.size;
    if (room <= 0) break;
    if (plan.wholePages && tokens.length > room && taken > 0) break;
    tokens.slice(0, room).forEach((s) => chosen.add(s));
    taken += 1;
  }
  return [...chosen].sort((a, b) => a - b);
}

/** Scaled scores of every live token, [group][live]. */
function exactScores(q: Row[], k: Row[], live: number[]): Row[] {
  return q.map((head) => Float64Array.from(live, (s) => dot(head, k[s]!) / Math.sqrt(head.length)));
}

/**
 * What the page bounds promise for every live token over the heads' strongest dims, [heads][live]: steps 1 to 4 of
 * hybrid sparse attention (arXiv:2502.14051, section 3.4), divided by SparQ's temperature (arXiv:2312.04985).
 */
function pageScores(q: Row[], k: Row[], live: number[], plan: Plan): Row[] {
  const headDim = q[0]!.length;
  const dims = ranked(total(q.map((head) => head.map(Math.abs)))).slice(0, plan.queryDims);
  const groupSum = total(q);
  const { min, max } = pageBounds(k, plan.pageSize);
  return q.map((head) => {
    const norm = dims.reduce((sum, i) => sum + Math.abs(head[i]!), 0);
    const whole = head.reduce((sum, x) => sum + Math.abs(x), 0);
    const temperature = whole > 0 ? Math.sqrt(headDim * norm / whole) : 0;
    const pageScore = min.map((_, page) =>
      dims.reduce((sum, i) => {
        const high = head[i]! * max[page]![i]!;
        const low = head[i]! * min[page]![i]!;
        return sum + (plan.sign === "head" ? Math.max(high, low) : groupSum[i]! > 0 ? high : low);
      }, 0)
    );
    // A head without weight on the chosen dims has no opinion: 0/0 becomes a uniform weight.
    return Float64Array.from(
      live,
      (s) => temperature > 0 ? pageScore[Math.floor(s / plan.pageSize)]! / temperature : 0,
    );
  });
}

/** Element-wise sum of rows; for a ranking it serves as well as their mean. */
function total(rows: Row[]): Row {
  return rows.reduce((a, b) => a.map((x, i) => x + b[i]!));
}
