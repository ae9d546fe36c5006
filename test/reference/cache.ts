/** One KV head's cache in float64, and what a plan does to it. */

import { MAX_WINDOW, type Plan } from "../../lib/methods/plan.ts";
import { keepBest, selectTokens, vote } from "./attention.ts";
import { range, type Row } from "./ops.ts";

/** Slots in the order of their positions. A candidate is a slot that may be attended: all of them without an index. */
export class HeadCache {
  k: Row[] = [];
  v: Row[] = [];
  positions: number[] = [];
  #index: number[] | null = null;

  append(k: Row, v: Row, position: number): void {
    this.#index?.push(this.positions.length);
    this.k.push(k);
    this.v.push(v);
    this.positions.push(position);
  }

  /** Slots that may be attended, ascending. */
  get candidates(): number[] {
    return this.#index ?? range(0, this.positions.length);
  }

  /** A prefill attends to everything that is still there. */
  forgetIndex(): void {
    this.#index = null;
  }

  /**
   * Evict as `plan` says, or with `keepHistory` only remember what would have been kept.
   *
   * @param queries  [at most MAX_WINDOW][group] queries of the last prefill call, most recent last.
   */
  compress(plan: Plan, queries: Row[][], slidingWindow: number): void {
    if (plan.evict === "none" || this.positions.length <= plan.keep) return;
    const kept = plan.evict === "recent"
      ? this.#sinksAndRecent(plan.sinks, plan.keep)
      : this.#voted(plan, queries, slidingWindow);
    if (plan.keepHistory) this.#index = kept;
    else this.#retain(kept);
  }

  /** Per-step eviction, after the current token was appended. */
  limit(plan: Plan): void {
    if (plan.stepKeep === 0 || this.positions.length <= plan.stepKeep) return;
    this.#retain(this.#sinksAndRecent(plan.sinks, plan.stepKeep));
  }

  /** Slots that every head of the group attends to in this step, [group][...] ascending. */
  select(q: Row[], plan: Plan, slidingWindow: number): number[][] {
    const slots = this.candidates;
    const positions = slots.map((s) => this.positions[s]!);
    const current = positions.at(-1)!;
    const first = slidingWindow === 0 ? 0 : positions.findIndex((p) => current - p < slidingWindow);
    const lists = selectTokens(q, slots.map((s) => this.k[s]!), plan, first, positions);
    return q.map((_, head) => lists[lists.length === 1 ? 0 : head]!.map((c) => slots[c]!));
  }

  fork(): HeadCache {
    const copy = new HeadCache();
    copy.k = [...this.k];
    copy.v = [...this.v];
    copy.positions = [...this.positions];
    copy.#index = this.#index === null ? null : [...this.#index];
    return copy;
  }

  #voted(plan: Plan, queries: Row[][], slidingWindow: number): number[] {
    const window = Math.min(plan.window, queries.length, MAX_WINDOW);
    const recent = Math.min(plan.recent, window);
    const prefix = this.positions.length - recent;
    const votes = vote(queries.slice(-window), this.k, this.positions, slidingWindow);
    const best = keepBest(votes.subarray(0, prefix), plan.keep - recent, plan.sinks, plan.pool, plan.poolWidth);
    return [...best, ...range(prefix, this.positions.length)];
  }

  #sinksAndRecent(sinks: number, keep: number): number[] {
    const n = this.positions.length;
    return [...range(0, sinks), ...range(n - (keep - sinks), n)];
  }

  #retain(slots: number[]): void {
    this.k = slots.map((s) => this.k[s]!);
    this.v = slots.map((s) => this.v[s]!);
    this.positions = slots.map((s) => this.positions[s]!);
  }
}
