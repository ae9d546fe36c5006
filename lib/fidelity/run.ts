/**
 * Teacher-forced fidelity: every method is fed the same continuation, the full cache's own, and its next-token
 * distributions are compared with the full cache's.
 *
 * Methods are forks of one prefill and decode in batches. The full cache is computed a second time, in another order of
 * sums: how far that is from the first time is the noise floor.
 */
import { type Cost, costOf } from "../engine/cost.ts";
import type { Engine } from "../engine/engine.ts";
import { formatOf } from "../engine/kv_options.ts";
import { largest } from "../engine/logprobs.ts";
import type { Planned } from "../engine/recipe.ts";
import { decodeTail } from "../methods/settings.ts";
import { NativeSession } from "../native/session.ts";
import {
  type Arm,
  type ArmGroup,
  type ArmsRequest,
  BATCH,
  forkArms,
  FULL,
  groupArms,
  prefillGroup,
} from "../engine/arms.ts";
import { compareLogits, type StepMeasure } from "./measures.ts";
import { TokenCount } from "../engine/token_count.ts";

/** `steps` are compared; the first one compares the logits at the prompt's end. */
export interface FidelityRequest extends ArmsRequest {
  /** Tokens that are fed instead of what the full cache prefers, at least one for each step. */
  readonly continuation?: readonly number[];
  readonly signal: AbortSignal;
  /** Called with every method's cache before the first step, and the method's place among the recipes. */
  readonly onCache?: (session: NativeSession, index: number, planned: Planned) => void;
  /** Counts tokens that went through the model. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** One method on one prompt. */
export interface ArmResult {
  readonly tokenBudget: number;
  readonly measures: readonly StepMeasure[];
  readonly cost: Cost;
}

export interface PromptResult {
  readonly continuation: readonly number[];
  /** The full cache against itself, computed twice. */
  readonly noise: readonly StepMeasure[];
  /** In the order of the recipes. */
  readonly arms: readonly ArmResult[];
}

/** What the full cache says: logits of every step and the token that follows it. */
interface Reference {
  readonly logits: readonly Float32Array[];
  readonly continuation: readonly number[];
}

/** One prompt under measurement. */
interface Run {
  readonly engine: Engine;
  readonly request: FidelityRequest;
  readonly count: TokenCount;
}

/** The second time, the full cache is computed in chunks of a size that is not the library's, and its end by steps. */
const OTHER_CHUNK = 96, OTHER_TAIL = 32;

/** @throws {RunError} for a prompt that does not fit the model, {UsageError} for a recipe that cannot be planned. */
export async function measureFidelity(engine: Engine, request: FidelityRequest): Promise<PromptResult> {
  const { promptIds, steps } = request;
  const [dense, ...others] = groupArms(engine, request);
  const again: ArmGroup = {
    prefilled: promptIds.length - decodeTail({ decode_tail: OTHER_TAIL }, promptIds.length),
    session: { ...dense.session, chunkTokens: OTHER_CHUNK },
    arms: [FULL],
  };
  const tokens = [dense, ...others, again].map(({ prefilled, arms }) =>
    prefilled + arms.length * (promptIds.length - prefilled + steps)
  );
  const count = new TokenCount(tokens.reduce((a, b) => a + b) + steps, request.onProgress);
  const run: Run = { engine, request, count };

  const arms: ArmResult[] = [];
  const keep = (group: ArmGroup, results: readonly ArmResult[]) =>
    group.arms.forEach(({ index }, i) => arms[index] = results[i]!);
  let reference: Reference;
  {
    using base = await prefill(run, dense);
    reference = await runFull(run, base);
    keep(dense, await runArms(run, base, dense, reference));
  }
  for (const group of others) {
    using base = await prefill(run, group);
    keep(group, await runArms(run, base, group, reference));
  }
  using base = await prefill(run, again);
  const [noise] = await runArms(run, base, again, reference);
  return { continuation: reference.continuation, noise: noise!.measures, arms };
}

function prefill({ engine, request: { promptIds, signal }, count }: Run, group: ArmGroup): Promise<NativeSession> {
  return prefillGroup(engine, group, promptIds, { signal, onProgress: count.prefill(engine.config.nLayers) });
}

/** The full cache step by step, on what it prefers or on the text that was given. */
async function runFull({ request, count }: Run, base: NativeSession): Promise<Reference> {
  const { steps, continuation: given, signal } = request;
  const [full] = await forkArms(base, [FULL], [], signal);
  using _ = full!;
  const logits: Float32Array[] = [], continuation: number[] = [];
  for (let step = 0; step < steps; step++) {
    signal.throwIfAborted();
    if (step > 0) await NativeSession.decode([full!], [continuation[step - 1]!]);
    logits.push(full!.logits());
    continuation.push(given?.[step] ?? largest(logits[step]!, 1)[0]!);
    count.add(1);
  }
  return { logits, continuation };
}

/** The arms of a group on the reference's continuation. @returns Their results in the group's order. */
async function runArms(run: Run, base: NativeSession, group: ArmGroup, reference: Reference): Promise<ArmResult[]> {
  const results: ArmResult[] = [];
  for (let from = 0; from < group.arms.length; from += BATCH) {
    results.push(...await runBatch(run, base, group, group.arms.slice(from, from + BATCH), reference));
  }
  return results;
}

async function runBatch(
  { engine, request: { promptIds, signal, onCache }, count }: Run,
  base: NativeSession,
  { prefilled, session }: ArmGroup,
  arms: readonly Arm[],
  { logits, continuation }: Reference,
): Promise<ArmResult[]> {
  const tail = promptIds.slice(prefilled);
  const forks = await forkArms(base, arms, tail, signal);
  try {
    count.add(forks.length * tail.length);
    forks.forEach((fork, i) => onCache?.(fork, arms[i]!.index, arms[i]!.planned));
    const measures: StepMeasure[][] = forks.map(() => []);
    for (const [step, token] of continuation.entries()) {
      signal.throwIfAborted();
      if (step > 0) await NativeSession.decode(forks, forks.map(() => continuation[step - 1]!));
      forks.forEach((fork, i) => measures[i]!.push(compareLogits(logits[step]!, fork.logits(), token)));
      count.add(forks.length);
    }
    const format = formatOf(session);
    return forks.map((fork, i) => ({
      tokenBudget: arms[i]!.planned.tokenBudget,
      measures: measures[i]!,
      cost: costOf(fork.stats(), engine.model.usage(), engine.config, format),
    }));
  } finally {
    for (const fork of forks) fork[Symbol.dispose]();
  }
}
