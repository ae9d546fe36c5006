/**
 * One needle, many methods: greedy answers, and the log probability of the key when it is fed, which still tells methods
 * apart where all of them find it or none.
 *
 * One prefill serves all methods: they are forks of it and answer in batches.
 */
import { type Cost, costOf } from "../../engine/cost.ts";
import type { Engine } from "../../engine/engine.ts";
import { observing, prefilled, runForks } from "../../engine/forks.ts";
import { formatOf } from "../../engine/kv_options.ts";
import { logprobOf } from "../../engine/logprobs.ts";
import { checkContext } from "../../engine/prompt.ts";
import { planFor, type Recipe } from "../../engine/recipe.ts";
import { argmax } from "../../fidelity/measures.ts";
import { NativeSession, type SessionOptions } from "../../native/session.ts";
import type { Tokenizer } from "../../text/types.ts";
import type { NiahSample } from "./sample.ts";
import { found, partial } from "./score.ts";

export interface NiahRun {
  readonly sample: NiahSample;
  readonly recipes: readonly Recipe[];
  /** Most tokens of an answer. @default those of the key and 8 more: some room for words in front of it */
  readonly answerTokens?: number;
  /** Last prompt tokens that are fed as decode steps, so that eviction cannot see them. @default 0 */
  readonly decodeTail?: number;
  readonly session?: SessionOptions;
  readonly allowLong?: boolean;
  readonly signal: AbortSignal;
  /** Counts answers. */
  readonly onProgress?: (done: number, total: number) => void;
}

const ROOM = 8;

/** What one method made of a sample. */
export interface NiahResult {
  readonly tokenBudget: number;
  /** Greedy; the key alone where every token of it was the most likely one. */
  readonly answer: string;
  /** The key is in the answer, and how much of it: see `score.ts`. */
  readonly found: boolean;
  readonly partial: number;
  /** Log probability of every token of the key, behind the prompt and the key's own tokens in front of it. */
  readonly keyLogprobs: readonly number[];
  /** Of the steps that the key was fed in. */
  readonly cost: Cost;
}

/**
 * @returns A result for every recipe, in their order.
 * @throws {RunError} for a prompt that does not fit the model, {UsageError} for a budget that cannot be planned.
 */
export async function runNiah(engine: Engine, run: NiahRun): Promise<NiahResult[]> {
  const { sample, recipes, decodeTail = 0, signal, session: options } = run;
  const { promptIds, keyIds, key } = sample;
  const newTokens = Math.max(run.answerTokens ?? keyIds.length + ROOM, keyIds.length);
  if (!run.allowLong) checkContext(promptIds.length, newTokens, engine.config.contextLength);
  const tail = Math.min(decodeTail, promptIds.length - 1);
  const head = promptIds.slice(0, promptIds.length - tail), fed = promptIds.slice(promptIds.length - tail);
  const format = formatOf(options);
  const planned = recipes.map((recipe) => planFor(recipe, engine.config, head.length, newTokens + tail, format));
  const prefill = { session: observing(options, planned), signal };
  using base = await prefilled(engine, head, prefill);
  let done = 0;
  return await runForks(engine, base, head, planned, prefill, async (forks, batch) => {
    for (const id of fed) await NativeSession.decode(forks, forks.map(() => id));
    using starts = forksOf(forks);
    const forced = await feedKey(forks, keyIds, signal);
    // Whoever preferred the key at every step has said it; only the others still have to answer.
    const failed = starts.sessions.filter((_, i) => !forced[i]!.prefersKey);
    const others = await answerAll(failed, engine.text.tokenizer, newTokens, signal);
    run.onProgress?.(done += forks.length, recipes.length);
    return forced.map(({ keyLogprobs, prefersKey }, i): NiahResult => {
      const answer = prefersKey ? key : others.shift()!;
      return {
        tokenBudget: batch[i]!.tokenBudget,
        answer,
        found: found(answer, key),
        partial: partial(answer, key),
        keyLogprobs,
        cost: costOf(forks[i]!.stats(), engine.model.usage(), engine.config, format),
      };
    });
  });
}

function forksOf(sessions: readonly NativeSession[]): Disposable & { readonly sessions: readonly NativeSession[] } {
  const forks = sessions.map((session) => session.fork());
  return { sessions: forks, [Symbol.dispose]: () => forks.forEach((fork) => fork[Symbol.dispose]()) };
}

interface Forced {
  readonly keyLogprobs: readonly number[];
  /** Every token of the key was the most likely one. */
  readonly prefersKey: boolean;
}

/** Feed the key to sessions that have logits. */
async function feedKey(
  sessions: readonly NativeSession[],
  keyIds: readonly number[],
  signal: AbortSignal,
): Promise<Forced[]> {
  const logprobs: number[][] = sessions.map(() => []);
  const prefers = sessions.map(() => true);
  for (const [step, id] of keyIds.entries()) {
    signal.throwIfAborted();
    if (step > 0) await NativeSession.decode(sessions, sessions.map(() => keyIds[step - 1]!));
    sessions.forEach((session, i) => {
      const logits = session.logits();
      logprobs[i]!.push(logprobOf(logits, id));
      prefers[i] &&= argmax(logits) === id;
    });
  }
  return sessions.map((_, i) => ({ keyLogprobs: logprobs[i]!, prefersKey: prefers[i]! }));
}

/** Greedy answers of sessions that have logits. */
async function answerAll(
  sessions: readonly NativeSession[],
  tokenizer: Tokenizer,
  newTokens: number,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: number[][] = sessions.map(() => []);
  let going = sessions.map((_, i) => i);
  for (let step = 0; step < newTokens && going.length > 0; step++) {
    signal.throwIfAborted();
    if (step > 0) {
      await NativeSession.decode(going.map((i) => sessions[i]!), going.map((i) => ids[i]![step - 1]!));
    }
    for (const i of going) ids[i]!.push(argmax(sessions[i]!.logits()));
    going = going.filter((i) => !tokenizer.eosIds.includes(ids[i]![step]!));
  }
  return ids.map((ids) => tokenizer.decode(ids));
}
