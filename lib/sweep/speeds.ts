/** How fast a model is: from what a run has measured, or from a moment's work. */
import { forkArms } from "../engine/arms.ts";
import type { Engine } from "../engine/engine.ts";
import { prefilled } from "../engine/prefilled.ts";
import { DENSE } from "../methods/plan.ts";
import { NativeSession } from "../native/session.ts";
import { sum } from "../statistics.ts";
import type { Run } from "./folder/manifest.ts";

/** Tokens per second; decode: of all arms together. */
export interface Speeds {
  readonly prefill: number;
  readonly decode: number;
}

/** Of a model's answers in a run; null where there are none yet. */
export function measuredSpeeds({ cells }: Run, model: string): Speeds | null {
  const timings = cells.filter(({ config }) => config.model === model).flatMap((cell) => cell.timings);
  // Arms that start from one prefill have its tokens each, and their share of its time.
  const shared = Map.groupBy(timings, ({ sample, startedAt }) => `${sample} ${startedAt}`).values();
  const prefilled = sum([...shared].map((arms) => Math.max(...arms.map(({ prefilledTokens }) => prefilledTokens))));
  const prefillMs = sum(timings.map((timing) => timing.prefillMs));
  const decoded = sum(timings.map(({ newTokens }) => newTokens)), decodeMs = sum(timings.map((one) => one.decodeMs));
  if (prefillMs <= 0 || decodeMs <= 0 || prefilled <= 0 || decoded <= 0) return null;
  return { prefill: prefilled / prefillMs * 1000, decode: decoded / decodeMs * 1000 };
}

const PROBE_TOKENS = 512, PROBE_STEPS = 8;

/** Measure a short prefill, and some steps of as many arms as a study has. Longer prompts are slower. */
export async function probeSpeeds(engine: Engine, arms: number, signal: AbortSignal): Promise<Speeds> {
  const ids = Array.from({ length: PROBE_TOKENS }, (_, i) => (i * 7919 + 17) % engine.config.vocabSize);
  const start = performance.now();
  using base = await prefilled(engine, ids, { session: {}, signal });
  const prefillMs = performance.now() - start;
  const planned = { plans: [DENSE] as const, tokenBudget: 0 };
  const forks = await forkArms(base, Array.from({ length: arms }, (_, index) => ({ index, planned })), [], signal);
  try {
    const begin = performance.now();
    for (let step = 0; step < PROBE_STEPS; step++) await NativeSession.decode(forks, forks.map(() => ids[step]!));
    const decodeMs = performance.now() - begin;
    return { prefill: PROBE_TOKENS / prefillMs * 1000, decode: arms * PROBE_STEPS / decodeMs * 1000 };
  } finally {
    for (const fork of forks) fork[Symbol.dispose]();
  }
}
