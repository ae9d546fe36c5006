/** Several recipes on one prompt: they share its prefill and decode together. */
import type { LayerPatterns } from "../methods/pattern.ts";
import { observationsFor } from "../methods/observe.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import type { Engine } from "./engine.ts";
import type { Planned } from "./recipe.ts";

/** Sessions that decode together: enough to share the weights' reads, few enough for the activations to stay small. */
export const FORK_BATCH = 16;

export interface PrefillOptions {
  readonly session?: SessionOptions | undefined;
  /** Of a sparse prefill. */
  readonly patterns?: readonly LayerPatterns[] | undefined;
  readonly signal: AbortSignal;
}

/** A session that has read a prompt and is not compressed. @throws {DOMException} AbortError by the signal. */
export async function prefilled(
  engine: Engine,
  ids: readonly number[],
  { session: options, patterns, signal }: PrefillOptions,
): Promise<NativeSession> {
  const session = NativeSession.create(engine.model, options);
  try {
    patterns?.forEach((heads, layer) => session.setPatterns(layer, heads));
    await session.prefill(ids, { signal });
    return session;
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

/** The options, with what the plans need to know of a prefill that comes before them. */
export function observing(options: SessionOptions | undefined, planned: readonly Planned[]): SessionOptions {
  return { ...options, observe: observationsFor(planned.map(({ plans }) => plans)) };
}

/**
 * Call `run` with forks that are compressed by their plans, batch by batch. They are forks of `base`; those with patterns are
 * forks of a prefill of their own.
 *
 * @param base  A session that has read the prompt, and observed what the plans need.
 * @param ids   The prompt.
 * @param run   Gets a batch and its plans; returns a result for each.
 * @returns The results, in the order of the plans.
 */
export async function runForks<T>(
  engine: Engine,
  base: NativeSession,
  ids: readonly number[],
  planned: readonly Planned[],
  options: Omit<PrefillOptions, "patterns">,
  run: (forks: readonly NativeSession[], planned: readonly Planned[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const results = new Map<Planned, T>();
  const batch = async (origin: NativeSession, batch: readonly Planned[]) => {
    using forks = await compressedForks(origin, batch, options.signal);
    const found = await run(forks.sessions, batch);
    batch.forEach((one, i) => results.set(one, found[i]!));
  };
  const dense = planned.filter(({ patterns }) => !patterns);
  for (let from = 0; from < dense.length; from += FORK_BATCH) {
    await batch(base, dense.slice(from, from + FORK_BATCH));
  }
  for (const one of planned.filter(({ patterns }) => patterns)) {
    const session = observing(options.session, [one]);
    using sparse = await prefilled(engine, ids, { ...options, session, patterns: one.patterns });
    await batch(sparse, [one]);
  }
  return planned.map((one) => results.get(one)!);
}

async function compressedForks(
  base: NativeSession,
  planned: readonly Planned[],
  signal: AbortSignal,
): Promise<Disposable & { sessions: NativeSession[] }> {
  const sessions: NativeSession[] = [];
  const free = () => sessions.forEach((session) => session[Symbol.dispose]());
  try {
    for (const { plans } of planned) {
      signal.throwIfAborted();
      const fork = base.fork();
      sessions.push(fork);
      await fork.compress(plans);
    }
    return { sessions, [Symbol.dispose]: free };
  } catch (error) {
    free();
    throw error;
  }
}
