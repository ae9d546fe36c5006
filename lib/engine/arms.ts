/**
 * Methods on one prompt that are compared step by step. Those that prefill the same are forks of one session: the dense
 * prefill of the whole prompt, which the full cache needs as well, serves most of them.
 */
import type { Engine } from "./engine.ts";
import { formatOf } from "./kv_options.ts";
import { prefilled as prefill } from "./prefilled.ts";
import { checkContext } from "./prompt.ts";
import { planFor, type Planned, type Recipe } from "./recipe.ts";
import { observationsFor } from "../methods/observe.ts";
import { DENSE } from "../methods/plan.ts";
import { decodeTail } from "../methods/settings.ts";
import type { ProgressListener } from "../native/progress.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";

/** What is compared, on which prompt. */
export interface ArmsRequest {
  readonly promptIds: readonly number[];
  readonly recipes: readonly Recipe[];
  /** Decode steps that follow the prompt. */
  readonly steps: number;
  /** How the methods' caches are stored; the full cache that they are compared with is never quantised. */
  readonly session?: SessionOptions;
  /** Run prompts that are longer than what the model was made for. @default false */
  readonly allowLong?: boolean;
}

/** One recipe. */
export interface Arm {
  /** Its place among the recipes. */
  readonly index: number;
  readonly planned: Planned;
}

/** Arms that start from the same prefill. */
export interface ArmGroup {
  /** Prompt tokens that are prefilled. The rest, the decode tail of the recipes, is fed as decode steps. */
  readonly prefilled: number;
  readonly session: SessionOptions;
  readonly arms: readonly Arm[];
}

/** Arms that decode together: enough to share the weights' reads, few enough for the activations to stay small. */
export const BATCH = 16;

/** The full cache as an arm. */
export const FULL: Arm = { index: -1, planned: { plans: [DENSE], tokenBudget: 0 } };

/**
 * The arms by what they prefill.
 *
 * @returns First the dense prefill of the whole prompt without quantisation, even if no arm shares it, then the others.
 * @throws {RunError} for a prompt that does not fit the model, {UsageError} for a recipe that cannot be planned.
 */
export function groupArms(engine: Engine, request: ArmsRequest): [ArmGroup, ...ArmGroup[]] {
  const { promptIds, recipes, steps, session = {} } = request;
  const { length } = promptIds;
  if (!request.allowLong) checkContext(length, steps, engine.config.contextLength);
  const format = formatOf(session);
  const { kvBits: _, ...unquantised } = session;
  const keyOf = (prefilled: number, bits: number, patterns: Planned["patterns"]) =>
    JSON.stringify([prefilled, bits, patterns]);

  const arms = recipes.map((recipe, index) => {
    const tail = decodeTail(recipe.set, length);
    const planned = planFor(recipe, engine.config, length - tail, steps + tail, format);
    return { index, prefilled: length - tail, planned };
  });
  const byPrefill = Map.groupBy(arms, ({ prefilled, planned }) => keyOf(prefilled, format.bits, planned.patterns));
  const full = keyOf(length, 0, undefined);
  const first = { prefilled: length, session: unquantised, arms: byPrefill.get(full) ?? [] };
  byPrefill.delete(full);
  const others = byPrefill.values().map((arms) => ({ prefilled: arms[0]!.prefilled, session, arms }));
  return [first, ...others];
}

/** Prefill what the arms of a group share. The caller frees the session. */
export function prefillGroup(
  engine: Engine,
  { prefilled, session, arms }: ArmGroup,
  promptIds: readonly number[],
  options: { signal: AbortSignal; onProgress: ProgressListener },
): Promise<NativeSession> {
  const observe = observationsFor(arms.map(({ planned }) => planned.plans));
  const { patterns } = arms[0]?.planned ?? {};
  return prefill(engine, promptIds.slice(0, prefilled), { ...options, session: { ...session, observe }, patterns });
}

/**
 * Forks of a prefill, each under its own plans, after the decode tail. The caller frees them.
 *
 * @param tail  Prompt tokens that were not prefilled.
 */
export async function forkArms(
  base: NativeSession,
  arms: readonly Arm[],
  tail: readonly number[],
  signal: AbortSignal,
): Promise<NativeSession[]> {
  const forks: NativeSession[] = [];
  try {
    for (const { planned } of arms) {
      signal.throwIfAborted();
      const fork = base.fork();
      forks.push(fork);
      await fork.compress(planned.plans);
    }
    for (const id of tail) {
      signal.throwIfAborted();
      await NativeSession.decode(forks, forks.map(() => id));
    }
    return forks;
  } catch (error) {
    for (const fork of forks) fork[Symbol.dispose]();
    throw error;
  }
}
