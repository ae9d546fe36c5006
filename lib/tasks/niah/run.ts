/**
 * One needle, many methods: greedy answers, and the log probability of the key when it is fed, which still tells methods
 * apart where all of them find it or none.
 *
 * One prefill serves all methods: they are forks of it and answer in batches.
 */
import { type Cost, costOf } from "../../engine/cost.ts";
import type { Engine } from "../../engine/engine.ts";
import { formatOf } from "../../engine/kv_options.ts";
import { largest, logprobOf } from "../../engine/logprobs.ts";
import type { Recipe } from "../../engine/recipe.ts";
import { type Arm, type ArmGroup, BATCH, forkArms, groupArms, prefillGroup } from "../../engine/arms.ts";
import { TokenCount } from "../../engine/token_count.ts";
import { NativeSession, type SessionOptions } from "../../native/session.ts";
import type { Tokenizer } from "../../text/types.ts";
import type { NiahSample } from "./sample.ts";
import { found, partial } from "../metrics/niah.ts";

export interface NiahRun {
  readonly sample: NiahSample;
  readonly recipes: readonly Recipe[];
  /** Most tokens of an answer. @default those of the key and 8 more: some room for words in front of it */
  readonly answerTokens?: number;
  readonly session?: SessionOptions;
  /** Run prompts that are longer than what the model was made for. @default false */
  readonly allowLong?: boolean;
  readonly signal: AbortSignal;
  /** Counts tokens that went through the model, in prefills and keys. */
  readonly onProgress?: (done: number, total: number) => void;
}

const ROOM = 8;

/** What one method made of a sample. */
export interface NiahResult {
  readonly tokenBudget: number;
  /** Greedy; the key alone where every token of it was the most likely one. */
  readonly answer: string;
  /** The key is in the answer, and how much of it: see `metrics/niah.ts`. */
  readonly found: boolean;
  readonly partial: number;
  /** Log probability of every token of the key, behind the prompt and the key's own tokens in front of it. */
  readonly keyLogprobs: readonly number[];
  /** Of the steps that the key was fed in. */
  readonly cost: Cost;
}

/**
 * @returns A result for every recipe, in their order.
 * @throws {RunError} for a prompt that does not fit the model, {UsageError} for a recipe that cannot be planned.
 */
export async function runNiah(engine: Engine, run: NiahRun): Promise<NiahResult[]> {
  const { sample: { promptIds, keyIds }, signal } = run;
  const steps = Math.max(run.answerTokens ?? keyIds.length + ROOM, keyIds.length);
  const groups = groupArms(engine, { ...run, promptIds, steps }).filter(({ arms }) => arms.length > 0);
  const tokens = groups.map(({ prefilled, arms }) => prefilled + arms.length * keyIds.length);
  const count = new TokenCount(tokens.reduce((a, b) => a + b), run.onProgress);
  const results: NiahResult[] = [];
  for (const group of groups) {
    const onProgress = count.prefill(engine.config.nLayers);
    using base = await prefillGroup(engine, group, promptIds, { signal, onProgress });
    for (let from = 0; from < group.arms.length; from += BATCH) {
      const arms = group.arms.slice(from, from + BATCH);
      const found = await runBatch(engine, run, steps, base, group, arms);
      arms.forEach(({ index }, i) => results[index] = found[i]!);
      count.add(arms.length * keyIds.length);
    }
  }
  return results;
}

async function runBatch(
  engine: Engine,
  { sample: { promptIds, keyIds, key }, signal }: NiahRun,
  steps: number,
  base: NativeSession,
  { prefilled, session }: ArmGroup,
  arms: readonly Arm[],
): Promise<NiahResult[]> {
  using stack = new DisposableStack();
  const forks = await forkArms(base, arms, promptIds.slice(prefilled), signal);
  forks.forEach((fork) => stack.use(fork));
  const starts = forks.map((fork) => stack.use(fork.fork()));
  const forced = await feedKey(forks, keyIds, signal);
  // Whoever preferred the key at every step has said it; only the others still have to answer.
  const silent = starts.filter((_, i) => !forced[i]!.prefersKey);
  const answers = await answerAll(silent, engine.text.tokenizer, steps, signal);
  const format = formatOf(session);
  return forced.map(({ keyLogprobs, prefersKey }, i): NiahResult => {
    const answer = prefersKey ? key : answers.shift()!;
    return {
      tokenBudget: arms[i]!.planned.tokenBudget,
      answer,
      found: found(answer, key),
      partial: partial(answer, key),
      keyLogprobs,
      cost: costOf(forks[i]!.stats(), engine.model.usage(), engine.config, format),
    };
  });
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
      prefers[i] &&= largest(logits, 1)[0] === id;
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
    for (const i of going) ids[i]!.push(largest(sessions[i]!.logits(), 1)[0]!);
    going = going.filter((i) => !tokenizer.eosIds.includes(ids[i]![step]!));
  }
  return ids.map((ids) => tokenizer.decode(ids));
}
