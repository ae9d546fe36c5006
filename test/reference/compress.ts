/**
 * What a plan does to one layer behind a prefill: score every token, deal the places to the KV heads, keep the best.
 * The meaning of each number is in `cuda/include/rocketkv.h`.
 */

import { MAX_WINDOW, type Plan } from "../../lib/methods/plan.ts";
import type { RopeConfig } from "../../lib/model/types.ts";
import { allocate } from "./allocate.ts";
import { pool } from "./attention.ts";
import type { HeadCache } from "./cache.ts";
import { matVec, range, ranked, type Row } from "./ops.ts";
import { averageRotation } from "./rope.ts";
import {
  agree,
  expectedScore,
  keyDiff,
  keyNorm,
  lagScore,
  outputNorms,
  queryMoments,
  randomScore,
  valueWeight,
  votes,
} from "./score.ts";

/** What else is known about the layer. */
export interface LayerContext {
  readonly layer: number;
  /** Tokens seen so far: the position of the next one. */
  readonly nTokens: number;
  /** [at most MAX_WINDOW][n_heads] queries of the last prefill call after RoPE, most recent last. */
  readonly queries: Row[][];
  /** [observed tokens][n_heads] queries before RoPE. */
  readonly observed: Row[][];
  readonly rope: RopeConfig;
  readonly slidingWindow: number;
  /** Output projection [dim, n_heads * head_dim]. */
  readonly wo: Float64Array;
}

/** Evict as `plan` says, or with `keepHistory` only remember what would have been kept. */
export function compressLayer(heads: HeadCache[], plan: Plan, context: LayerContext): void {
  const full = range(0, heads.length).filter((h) => !plan.denseHeads.includes(h) && heads[h]!.length > plan.keep);
  if (plan.evict === "none" || full.length === 0) return;
  const kept = plan.evict === "recent"
    ? full.map((h) => [sinksAndRecent(heads[h]!.length, plan.sinks, plan.keep)])
    : keptByScore(full, heads, plan, context);
  full.forEach((h, i) => {
    const lists = kept[i]!;
    if (plan.keepHistory) {
      heads[h]!.useLists(lists);
      return;
    }
    const union = [...new Set(lists.flat())].sort((a, b) => a - b);
    heads[h]!.retain(union);
    if (lists.length > 1) heads[h]!.useLists(lists.map((list) => list.map((s) => union.indexOf(s))));
  });
}

/** The first `sinks` of n slots and the most recent others, `keep` in all. */
export function sinksAndRecent(n: number, sinks: number, keep: number): number[] {
  return [...range(0, sinks), ...range(n - (keep - sinks), n)];
}

/** Slots that stay, [KV heads][1, or group][...]. */
function keptByScore(full: number[], heads: HeadCache[], plan: Plan, context: LayerContext): number[][][] {
  const voters = Math.min(plan.window, context.queries.length, MAX_WINDOW);
  const recent = plan.score === "votes" ? Math.min(plan.recent, voters) : plan.recent;
  let score = full.map((h) => scoresOf(h, heads, plan, voters, context));
  if (plan.agree === "layer") {
    const sum = score[0]![0]!.map((_, s) => score.reduce((total, [row]) => total + row![s]!, 0));
    score = full.map(() => [sum]);
  }
  score = score.map((rows, i) => rows.map((row) => row.slice(0, heads[full[i]!]!.length - recent)));
  const pooled = score.map((rows) => rows.map((row) => pin(pool(row, plan.pool, plan.poolWidth), plan.sinks)));
  const places = allocate(
    plan,
    pooled.map(([row]) => row!),
    score.map(([row]) => pin(row!, plan.sinks)),
    full.map(() => plan.keep - recent),
  );
  return full.map((h, i) => {
    const cache = heads[h]!;
    const group = context.queries[0]!.length / heads.length;
    const own = range(h * group, (h + 1) * group).map((j) =>
      columns(context.wo, j, cache.v[0]!.length, heads.length * group)
    );
    const omega = plan.critical > 0 ? outputNorms(cache.v, own) : null;
    const window = range(cache.length - recent, cache.length);
    return pooled[i]!.map((row, list) => {
      const best = choose(row, score[i]![list]!, places[i]!, omega, plan);
      return [...best.sort((a, b) => a - b), ...window];
    });
  });
}

/** Scores of one KV head's tokens, [1, or group with a choice per query head][n]. */
function scoresOf(h: number, heads: HeadCache[], plan: Plan, voters: number, context: LayerContext): Row[] {
  const cache = heads[h]!;
  const { k, v, positions } = cache;
  const group = context.queries[0]!.length / heads.length;
  const own = range(h * group, (h + 1) * group);
  const kinds: Record<Plan["score"], () => Row[]> = {
    votes: () => {
      const queries = context.queries.slice(-voters).map((row) => own.map((j) => row[j]!));
      const { slidingWindow } = context;
      const heads = votes(queries, k, { positions, slidingWindow });
      return plan.agree === "head" ? heads : [agree(heads, plan.agree === "max" ? "max" : "sum")];
    },
    attention: () => [Float64Array.from(cache.attention)],
    expected: () => {
      const turn = averageRotation(context.nTokens, plan.future, context.rope, k[0]!.length);
      const moments = own.map((j) => queryMoments(context.observed.map((row) => row[j]!)));
      const means = moments.map(({ mean }) => matVec(turn, mean));
      const covariance = plan.covariance ? moments.map((m) => turned(turn, m.covariance)) : null;
      return [expectedScore(means, covariance, k, plan.sinks, plan.agree === "max" ? "max" : "mean")];
    },
    key_norm: () => [keyNorm(k)],
    key_diff: () => [keyDiff(k)],
    lag: () => [lagScore(k, v, plan.sinks, plan.lag)],
    random: () => [randomScore(plan.seed, context.layer, h, positions)],
  };
  const rows = kinds[plan.score]();
  return plan.valueWeight ? rows.map((row) => valueWeight(row, v, plan.valueEpsilon)) : rows;
}

/** The first `sinks` are worth more than anything. */
function pin(score: Row, sinks: number): Row {
  return score.map((x, i) => i < sinks ? Infinity : x);
}

/** The `places` best by pooled score; with CriticalKV (arXiv:2502.03805) only a share of them, the others by what they add. */
function choose(pooled: Row, score: Row, places: number, omega: Row | null, plan: Plan): number[] {
  const order = range(0, pooled.length).sort((a, b) =>
    pooled[b]! - pooled[a]! || (plan.tieByPosition ? 0 : score[b]! - score[a]!) || a - b
  );
  if (omega === null) return order.slice(0, places);
  const first = order.slice(0, Math.max(Math.floor(plan.critical * places), Math.min(plan.sinks, places)));
  const rest = Float64Array.from(
    pooled,
    (x, i) => first.includes(i) ? -Infinity : (x + 1e-4) * omega[i]!,
  );
  return [...first, ...ranked(rest).slice(0, places - first.length)];
}

/** R C R^T for square row-major matrices. */
function turned(r: Float64Array, c: Float64Array): Float64Array {
  const d = Math.sqrt(r.length);
  const times = (a: Float64Array, b: (k: number, j: number) => number) =>
    Float64Array.from(
      { length: d * d },
      (_, at) => range(0, d).reduce((sum, k) => sum + a[Math.floor(at / d) * d + k]! * b(k, at % d), 0),
    );
  const left = times(r, (k, j) => c[k * d + j]!);
  return times(left, (k, j) => r[j * d + k]!);
}

/** The columns of one query head in the output projection [dim, n_heads * d]: [dim, d]. */
function columns(wo: Float64Array, head: number, d: number, nHeads: number): Float64Array {
  const dim = wo.length / (nHeads * d);
  return Float64Array.from({ length: dim * d }, (_, i) => wo[Math.floor(i / d) * nHeads * d + head * d + i % d]!);
}
