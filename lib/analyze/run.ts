/**
 * Why a method wins or loses: what it attends to, against the full cache's softmax over everything.
 *
 * All methods are forks of one prefill and are fed the full cache's own continuation in one batch, so that in every step
 * the same question is asked of the same history.
 */
import type { Engine } from "../engine/engine.ts";
import { checkContext } from "../engine/prompt.ts";
import { planFor, type Recipe } from "../engine/recipe.ts";
import { argmax } from "../fidelity/measures.ts";
import { observationsFor } from "../methods/observe.ts";
import { DENSE } from "../methods/plan.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import { HeadTally, type MethodReport, OverlapTally, UniqueTally } from "./tally.ts";
import { RankedWeights } from "./weights.ts";

export interface AnalysisRequest {
  readonly promptIds: readonly number[];
  readonly recipes: readonly Recipe[];
  /** Decode steps that are looked at. */
  readonly steps: number;
  /** Tokens [begin, end) of the prompt that the answer depends on. */
  readonly needle: readonly [number, number] | null;
  /** Tokens of the true top-k whose novelty is followed. */
  readonly topK: number;
  readonly session?: SessionOptions;
  readonly allowLong?: boolean;
  readonly signal: AbortSignal;
  /** Counts layers x steps. */
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

/** @throws {RunError} for a prompt that does not fit the model, {UsageError} for a budget that cannot be planned. */
export async function analyze(engine: Engine, request: AnalysisRequest): Promise<Analysis> {
  const { promptIds, recipes, steps, needle, topK, signal } = request;
  const { nLayers, nHeads, nKvHeads } = engine.config;
  if (!request.allowLong) checkContext(promptIds.length, steps, engine.config.contextLength);
  const planned = recipes.map((recipe) => planFor(recipe, engine.config, promptIds.length, steps));
  const observe = observationsFor(planned.map(({ plans }) => plans));
  using base = NativeSession.create(engine.model, { ...request.session, observe, trace: true });
  await base.prefill(promptIds, { signal });

  using full = base.fork();
  await full.compress(DENSE);
  const forks: NativeSession[] = [];
  try {
    for (const { plans } of planned) {
      const fork = base.fork();
      forks.push(fork);
      await fork.compress(plans);
    }
    const tallies = recipes.map(() =>
      Array.from(
        { length: nLayers * nKvHeads },
        (_, i) => new HeadTally(Math.floor(i / nKvHeads), i % nKvHeads, needle),
      )
    );
    const overlap = new OverlapTally(recipes.length), unique = new UniqueTally(topK);
    const continuation = [argmax(full.logits())];
    for (let step = 0; step < steps; step++) {
      const all = [full, ...forks];
      await NativeSession.decode(all, all.map(() => continuation[step]!));
      for (let layer = 0; layer < nLayers; layer++) {
        signal.throwIfAborted();
        for (let head = 0; head < nHeads; head++) {
          const weights = new RankedWeights(full.weights(layer, head));
          unique.add(step, layer * nHeads + head, weights);
          const attended = forks.map((fork) => fork.selected(layer, head));
          overlap.add(attended);
          const slot = layer * nKvHeads + Math.floor(head / (nHeads / nKvHeads));
          forks.forEach((fork, i) => tallies[i]![slot]!.add(weights, fork.cached(layer, head), attended[i]!));
        }
        request.onProgress?.(step * nLayers + layer + 1, steps * nLayers);
      }
      continuation.push(argmax(full.logits()));
    }
    return {
      promptTokens: promptIds.length,
      needle,
      continuation: continuation.slice(0, steps),
      methods: recipes.map(({ method }, i) =>
        summarise(method.name, planned[i]!.tokenBudget, tallies[i]!.map((tally) => tally.report()))
      ),
      overlap: overlap.report(),
      uniqueTopK: { k: topK, steps: unique.report() },
    };
  } finally {
    for (const fork of forks) fork[Symbol.dispose]();
  }
}

/** Means over all layers and KV heads, with the heads themselves. */
function summarise(method: string, tokenBudget: number, heads: MethodReport["heads"]): MethodReport {
  const mean = (value: (head: MethodReport["heads"][number]) => number) =>
    heads.reduce((sum, head) => sum + value(head), 0) / heads.length;
  const hasNeedle = heads[0]!.needleCached !== null;
  return {
    method,
    tokenBudget,
    mass: mean((head) => head.mass),
    recall: mean((head) => head.recall),
    attended: mean((head) => head.attended),
    needleCached: hasNeedle ? mean((head) => head.needleCached!) : null,
    needleAttended: hasNeedle ? mean((head) => head.needleAttended!) : null,
    heads,
  };
}
