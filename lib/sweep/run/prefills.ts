/** The prefills of a unit, one after the other: each common beginning once, and forks of it for what follows. */
import type { Engine } from "../../engine/engine.ts";
import type { TokenCount } from "../../engine/token_count.ts";
import { NativeSession, type SessionOptions } from "../../native/session.ts";
import { memoryFailure } from "./memory_failure.ts";
import type { Trunk } from "./prefix_tree.ts";
import type { Job, UnitPlan } from "./thread.ts";

/** Where the arms of a job start. */
export interface Start {
  readonly thread: number;
  readonly job: Job;
  /** The job's tokens, cached; or in one line why they are not. It is freed when the next start is asked for. */
  readonly base: NativeSession | string;
  /** Milliseconds of the whole prefill, and what of it falls to each of the arms that share its parts. */
  readonly prefillMs: number;
  readonly shareMs: number;
  /** Tokens that were prefilled since the start before. */
  readonly prefilledTokens: number;
}

export interface PrefillOptions {
  readonly session: SessionOptions;
  readonly signal: AbortSignal;
  readonly count: TokenCount;
  /** Threads that still have to run: nothing is prefilled for others alone. */
  readonly waiting: (thread: number) => boolean;
}

/** A beginning that is cached. */
interface Stem {
  readonly session: NativeSession | string | null;
  readonly cached: number;
  readonly ms: number;
  readonly shareMs: number;
}

/** Tokens that will be prefilled. */
export function prefillTokens(plan: UnitPlan, waiting: PrefillOptions["waiting"]): number {
  const below = (trunk: Trunk, from: number): number =>
    armsBelow(plan, trunk, waiting) === 0 ? 0 : trunk.cached - from + trunk.branches.reduce<number>((sum, branch) => {
      if (typeof branch !== "number") return sum + below(branch, trunk.cached);
      return sum + (armsBelow(plan, branch, waiting) > 0 ? plan.leaves[branch]!.ids.length - trunk.cached : 0);
    }, 0);
  return below(plan.tree, 0) + sparseJobs(plan, waiting).reduce((sum, { job }) => sum + job.ids.length, 0);
}

/**
 * Every job of the threads that wait, those of a thread as close together as sharing allows: sparse ones right behind its
 * dense ones.
 */
export async function* prefills(engine: Engine, plan: UnitPlan, options: PrefillOptions): AsyncGenerator<Start> {
  const prefill = new Prefill(engine, plan, options);
  const sparse = Map.groupBy(sparseJobs(plan, options.waiting), ({ thread }) => thread);
  const left = plan.threads.map(({ jobs }) => jobs.filter(({ sparse }) => !sparse).length);
  for await (const start of walk(plan, plan.tree, { session: null, cached: 0, ms: 0, shareMs: 0 }, prefill)) {
    yield start;
    if (--left[start.thread]! > 0) continue;
    for (const user of sparse.get(start.thread) ?? []) yield* alone(prefill, user);
    sparse.delete(start.thread);
  }
  for (const user of [...sparse.values()].flat()) yield* alone(prefill, user);
}

async function* walk(plan: UnitPlan, trunk: Trunk, stem: Stem, prefill: Prefill): AsyncGenerator<Start> {
  for (const branch of trunk.branches) {
    const arms = armsBelow(plan, branch, prefill.options.waiting);
    if (arms === 0) continue;
    const leaf = typeof branch === "number" ? plan.leaves[branch]! : null;
    const ids = leaf?.ids ?? plan.leaves[(branch as Trunk).prompts[0]!]!.ids.slice(0, (branch as Trunk).cached);
    const next = await prefill.grow(stem, ids, arms);
    using _ = sessionOf(next);
    if (leaf === null) {
      yield* walk(plan, branch as Trunk, next, prefill);
      continue;
    }
    for (const user of leaf.users) {
      if (prefill.options.waiting(user.thread)) yield prefill.start(user, next);
    }
  }
}

async function* alone(prefill: Prefill, user: { thread: number; job: Job }): AsyncGenerator<Start> {
  const empty = { session: null, cached: 0, ms: 0, shareMs: 0 };
  const next = await prefill.grow(empty, user.job.ids, user.job.arms.length, user.job);
  using _ = sessionOf(next);
  yield prefill.start(user, next);
}

/** Grows beginnings, and counts what that took. */
class Prefill {
  #tokens = 0;

  constructor(readonly engine: Engine, readonly plan: UnitPlan, readonly options: PrefillOptions) {}

  /** A fork of the stem with all of `ids`. @param arms  That share what is new. */
  async grow(stem: Stem, ids: readonly number[], arms: number, job?: Job): Promise<Stem> {
    const { signal, count } = this.options;
    if (typeof stem.session === "string") return stem;
    const onProgress = count.prefill(this.engine.config.nLayers);
    const start = performance.now();
    const patterns = job?.arms[0]?.planned.patterns;
    const fresh = ids.slice(stem.cached);
    let session: NativeSession | null = null;
    try {
      session = stem.session?.fork() ?? NativeSession.create(this.engine.model, this.#session());
      await session.prefill(fresh, { patterns, signal, onProgress });
    } catch (error) {
      session?.[Symbol.dispose]();
      return { ...stem, session: memoryFailure(error) };
    }
    this.#tokens += fresh.length;
    const ms = performance.now() - start;
    return { session, cached: ids.length, ms: stem.ms + ms, shareMs: stem.shareMs + ms / arms };
  }

  start(user: { thread: number; job: Job }, stem: Stem): Start {
    const prefilledTokens = this.#tokens;
    this.#tokens = 0;
    return { ...user, base: stem.session!, prefillMs: stem.ms, shareMs: stem.shareMs, prefilledTokens };
  }

  #session(): SessionOptions {
    return { ...this.options.session, observe: this.plan.observe };
  }
}

function sessionOf({ session }: Stem): NativeSession | null {
  return typeof session === "string" ? null : session;
}

function sparseJobs(plan: UnitPlan, waiting: PrefillOptions["waiting"]): { thread: number; job: Job }[] {
  return plan.threads.flatMap(({ jobs }, thread) =>
    waiting(thread) ? jobs.filter(({ sparse }) => sparse).map((job) => ({ thread, job })) : []
  );
}

/** Arms that start from a branch, of threads that wait. */
function armsBelow(plan: UnitPlan, branch: number | Trunk, waiting: PrefillOptions["waiting"]): number {
  const leaves = typeof branch === "number" ? [branch] : branch.prompts;
  return leaves.flatMap((leaf) => plan.leaves[leaf]!.users).filter(({ thread }) => waiting(thread))
    .reduce((sum, { job }) => sum + job.arms.length, 0);
}
