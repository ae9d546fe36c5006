/** Speed of prefill and decode, as `rocketkv bench` reports it. */
import type { KvFormat } from "../methods/kv_format.ts";
import type { LayerPlans } from "../methods/plan.ts";
import { NativeSession } from "../native/session.ts";
import { bytesPerStep, costOf } from "./cost.ts";
import type { Engine } from "./engine.ts";
import { prefilled, type PrefillOptions } from "./prefilled.ts";

/** One timed prefill. The session holds the full cache, to be forked; the caller frees it. */
export interface PrefillSample {
  readonly session: NativeSession;
  readonly ms: number;
}

/** Some timed decode steps after one compression. */
export interface DecodeSample {
  readonly compressMs: number;
  /** Milliseconds per step. */
  readonly stepMs: number;
  /** Bytes that one step had to read, weights included; the KV part is a mean over the steps. */
  readonly bytesPerStep: number;
  readonly kvBytes: number;
}

/** Steps before the clock starts: they touch what a fork still shares. */
const WARM_UP_STEPS = 2;

export async function measurePrefill(
  engine: Engine,
  ids: readonly number[],
  options: PrefillOptions,
): Promise<PrefillSample> {
  const start = performance.now();
  const session = await prefilled(engine, ids, options);
  return { session, ms: performance.now() - start };
}

/**
 * Time decode steps on a fork of a prefilled session. The tokens are given, not sampled: choosing them is not timed.
 *
 * @param ids  One token for each step.
 */
export async function measureDecode(
  engine: Engine,
  base: NativeSession,
  plans: LayerPlans,
  ids: readonly number[],
  { format, signal }: { format: KvFormat; signal: AbortSignal },
): Promise<DecodeSample> {
  using session = base.fork();
  const compressStart = performance.now();
  await session.compress(plans);
  const compressMs = performance.now() - compressStart;
  for (let i = 0; i < WARM_UP_STEPS; i++) await NativeSession.decode([session], [ids[0]!]);
  const start = performance.now();
  for (const id of ids) {
    signal.throwIfAborted();
    await NativeSession.decode([session], [id]);
  }
  const stepMs = (performance.now() - start) / ids.length;
  const cost = costOf(session.stats(), engine.model.usage(), engine.config, format);
  return { compressMs, stepMs, bytesPerStep: bytesPerStep(cost), kvBytes: cost.kvBytes };
}

/**
 * Token ids for a measurement: a text over and over, or pseudo-random ids that are the same in every run.
 *
 * @param text  Ids of a real text, or none.
 */
export function measurementIds(count: number, vocabSize: number, text: readonly number[] = []): number[] {
  if (text.length > 0) return Array.from({ length: count }, (_, i) => text[i % text.length]!);
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // a linear congruence; its high bits are good enough here
    return Math.floor((state / 2 ** 32) * vocabSize);
  });
}
