/**
 * Why a method wins or loses: what it attends to, against the full cache's softmax over everything.
 *
 * All methods are fed the full cache's own continuation in one batch, so that in every step the same question is asked of
 * the same history.
 */
import type { Engine } from "../engine/engine.ts";
import { largest } from "../engine/logprobs.ts";
import { type ArmGroup, type ArmsRequest, forkArms, FULL, groupArms, prefillGroup } from "../engine/arms.ts";
import { TokenCount } from "../engine/token_count.ts";
import { NativeSession } from "../native/session.ts";
import { type MethodReport, Tallies } from "./tallies.ts";

/** Every one of the `steps` is looked at. */
export interface AnalysisRequest extends ArmsRequest {
  /** Tokens [begin, end) of the prompt that the answer depends on. */
  readonly needle: readonly [number, number] | null;
  /** Tokens of the true top-k whose novelty is followed. */
  readonly topK: number;
  readonly signal: AbortSignal;
  /** Counts tokens that went through the model. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Analysis {
  readonly promptTokens: number;
  readonly needle: readonly [number, number] | null;
  /** What the full cache went on with, and every method was fed. */
  readonly continuation: readonly number[];
  readonly methods: readonly MethodReport[];
  /** [methods][methods]: mean overlap of what they attend to, shared over all tokens of both. */
  readonly overlap: readonly (readonly number[])[];
  /** Different tokens that the true top-k of a query head named until each step, mean over query heads. */
  readonly uniqueTopK: { readonly k: number; readonly steps: readonly number[] };
}

/** @throws {RunError} for a prompt that does not fit the model, {UsageError} for a recipe that cannot be planned. */
export async function analyze(engine: Engine, request: AnalysisRequest): Promise<Analysis> {
  const { promptIds, recipes, steps, needle, topK, signal } = request;
  const { nLayers } = engine.config;
  const groups = groupArms(engine, request);
  const prefilled = groups.reduce((sum, group) => sum + group.prefilled, 0);
  const count = new TokenCount(prefilled + steps * (recipes.length + 1), request.onProgress);
  using sessions = await openSessions(engine, groups, request, count);
  const { full, methods } = sessions, all = [full, ...methods];

  const tallies = new Tallies(engine.config, recipes.length, { needle, topK });
  const continuation = [largest(full.logits(), 1)[0]!];
  for (let step = 0; step < steps; step++) {
    await NativeSession.decode(all, all.map(() => continuation[step]!));
    for (let layer = 0; layer < nLayers; layer++) {
      signal.throwIfAborted();
      tallies.add(step, layer, full, methods);
      count.add(all.length / nLayers);
    }
    continuation.push(largest(full.logits(), 1)[0]!);
  }
  return {
    promptTokens: promptIds.length,
    needle,
    continuation: continuation.slice(0, steps),
    methods: recipes.map(({ method }, i) => ({
      method: method.name,
      tokenBudget: method.ignoresBudget ? null : sessions.tokenBudgets[i]!,
      ...tallies.report(i),
    })),
    overlap: tallies.overlap.report(),
    uniqueTopK: { k: topK, steps: tallies.unique.report() },
  };
}

/** The full cache and every method, ready to go on after the prompt. */
interface Sessions extends Disposable {
  readonly full: NativeSession;
  /** In the order of the recipes, as the budgets. */
  readonly methods: readonly NativeSession[];
  readonly tokenBudgets: readonly number[];
}

/** Prefill every group once and fork its arms. */
async function openSessions(
  engine: Engine,
  groups: readonly ArmGroup[],
  { promptIds, signal }: AnalysisRequest,
  count: TokenCount,
): Promise<Sessions> {
  using opened = new DisposableStack();
  const methods: NativeSession[] = [], tokenBudgets: number[] = [];
  let full: NativeSession | undefined;
  for (const group of groups) {
    const traced = { ...group, session: { ...group.session, trace: true } };
    const onProgress = count.prefill(engine.config.nLayers);
    using base = await prefillGroup(engine, traced, promptIds, { signal, onProgress });
    const arms = full === undefined ? [FULL, ...group.arms] : group.arms; // the first group's prefill is the full cache's
    const forks = await forkArms(base, arms, promptIds.slice(group.prefilled), signal);
    forks.forEach((fork) => opened.use(fork));
    full ??= forks.shift()!;
    group.arms.forEach(({ index, planned }, i) => {
      methods[index] = forks[i]!;
      tokenBudgets[index] = planned.tokenBudget;
    });
  }
  const owner = opened.move();
  return { full: full!, methods, tokenBudgets, [Symbol.dispose]: () => owner.dispose() };
}
