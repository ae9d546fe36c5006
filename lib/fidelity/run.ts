/**
 * Teacher-forced fidelity: every method is fed the same continuation, the full cache's own, and its next-token
 * distributions are compared with the full cache's.
 *
 * One prefill serves all methods: they are forks of it, and decode in one batch. Of a second prefill in chunks of another
 * size, which computes the same with other roundings, comes the noise floor.
 */
import { type Cost, costOf } from "../engine/cost.ts";
import type { Engine } from "../engine/engine.ts";
import { observing, prefilled, runForks } from "../engine/forks.ts";
import { formatOf } from "../engine/kv_options.ts";
import { checkContext } from "../engine/prompt.ts";
import { planFor, type Planned, type Recipe } from "../engine/recipe.ts";
import { DENSE } from "../methods/plan.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import { argmax, compareLogits, type StepMeasure } from "./measures.ts";

export interface FidelityRequest {
  readonly promptIds: readonly number[];
  readonly recipes: readonly Recipe[];
  /** Steps that are compared; the first one compares the logits at the prompt's end. */
  readonly steps: number;
  /** Tokens that are fed instead of what the full cache prefers. */
  readonly continuation?: readonly number[];
  /** Last prompt tokens that are fed as decode steps, so that eviction cannot see them. @default 0 */
  readonly decodeTail?: number;
  readonly session?: SessionOptions;
  readonly allowLong?: boolean;
  readonly signal: AbortSignal;
  /** Counts decode steps of all arms. */
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

/** Chunk of the second prefill: none of the library's own sizes. */
const OTHER_CHUNK = 96;

/** @throws {RunError} for a prompt that does not fit the model, {UsageError} for a budget that cannot be planned. */
export async function measureFidelity(engine: Engine, request: FidelityRequest): Promise<PromptResult> {
  const { promptIds, recipes, steps, decodeTail = 0, signal } = request;
  if (!request.allowLong) checkContext(promptIds.length, steps, engine.config.contextLength);
  const tail = Math.min(decodeTail, promptIds.length - 1);
  const head = promptIds.slice(0, promptIds.length - tail), fed = promptIds.slice(promptIds.length - tail);
  const planned = recipes.map((recipe) => planFor(recipe, engine.config, head.length, steps + tail));

  const prefill = { session: observing(request.session, planned), signal };
  using base = await prefilled(engine, head, prefill);
  const { logits, continuation } = await runFull(base, fed, request);
  let done = 0;
  const total = steps * (recipes.length + 1);
  const measure = async (forks: readonly NativeSession[], batch: readonly Planned[]) =>
    await runArms(
      engine,
      forks,
      batch,
      fed,
      continuation,
      logits,
      request,
      () => request.onProgress?.(done += forks.length, total),
    );

  const other = { session: { ...request.session, chunkTokens: OTHER_CHUNK }, signal };
  using again = await prefilled(engine, head, other);
  const dense: Planned = { plans: [DENSE], tokenBudget: promptIds.length + steps };
  const [noise] = await runForks(engine, again, head, [dense], other, measure);
  const arms = await runForks(engine, base, head, planned, prefill, measure);
  return { continuation, noise: noise!.measures, arms };
}

/** The full cache's logits of every step, and the tokens between them. */
async function runFull(
  base: NativeSession,
  fed: readonly number[],
  { steps, continuation, signal }: FidelityRequest,
): Promise<{ logits: Float32Array[]; continuation: number[] }> {
  using full = base.fork();
  await full.compress(DENSE);
  for (const id of fed) await NativeSession.decode([full], [id]);
  const logits = [full.logits()], tokens: number[] = [];
  for (let step = 0; step < steps; step++) {
    signal.throwIfAborted();
    tokens.push(continuation?.[step] ?? argmax(logits[step]!));
    if (step + 1 === steps) break;
    await NativeSession.decode([full], [tokens[step]!]);
    logits.push(full.logits());
  }
  return { logits, continuation: tokens };
}

/** Compressed sessions that are fed the continuation together. */
async function runArms(
  engine: Engine,
  forks: readonly NativeSession[],
  planned: readonly Planned[],
  fed: readonly number[],
  continuation: readonly number[],
  wanted: readonly Float32Array[],
  { session: options, signal }: FidelityRequest,
  report: () => void,
): Promise<ArmResult[]> {
  for (const id of fed) await NativeSession.decode(forks, forks.map(() => id));
  const measures: StepMeasure[][] = forks.map(() => []);
  for (const [step, token] of continuation.entries()) {
    signal.throwIfAborted();
    forks.forEach((fork, i) => measures[i]!.push(compareLogits(wanted[step]!, fork.logits(), token)));
    report();
    if (step + 1 < continuation.length) await NativeSession.decode(forks, forks.map(() => token));
  }
  const format = formatOf(options);
  return forks.map((fork, i) => ({
    tokenBudget: planned[i]!.tokenBudget,
    measures: measures[i]!,
    cost: costOf(fork.stats(), engine.model.usage(), engine.config, format),
  }));
}
