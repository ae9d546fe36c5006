/** Arms that start from one prefill, through all turns of their thread. */
import { BATCH, forkArms } from "../../engine/arms.ts";
import { costOf } from "../../engine/cost.ts";
import type { Engine } from "../../engine/engine.ts";
import { formatOf } from "../../engine/kv_options.ts";
import type { TokenCount } from "../../engine/token_count.ts";
import { NativeSession } from "../../native/session.ts";
import type { SessionStats } from "../../native/structs.ts";
import type { PromptTurn } from "../../tasks/prompt/assemble.ts";
import type { Sample, Scoring } from "../../tasks/sample.ts";
import { answers, type AnswersRequest, type SessionAnswer } from "./answers.ts";
import { type ArmState, feed, type FeedTimes, goOn, NO_TIME, takeTimes } from "./arm_state.ts";
import { cacheUse, keptOf } from "./cache_use.ts";
import { memoryFailure } from "./memory_failure.ts";
import type { CacheUse } from "../folder/prediction.ts";
import type { Job, Thread, ThreadArm } from "./thread.ts";
import type { Unit } from "./unit.ts";

export interface JobContext {
  readonly engine: Engine;
  readonly unit: Unit;
  readonly thread: Thread;
  readonly sample: Sample;
  readonly job: Job;
  readonly signal: AbortSignal;
  readonly count: TokenCount;
}

/** One arm's answer to one turn. */
export interface TurnResult {
  /** Everything in front of the answer. */
  readonly promptIds: readonly number[];
  readonly answer: SessionAnswer;
  readonly cache: CacheUse;
  readonly times: TurnTimes;
  /** What else was measured, for the score: see `Scoring`. */
  readonly details?: NonNullable<Scoring["details"]>;
}

/** Milliseconds of one arm alone, without what was prefilled for the whole job; its share where arms decode together. */
export interface TurnTimes extends FeedTimes {
  readonly decodeMs: number;
  readonly selectMs: number;
  readonly attendMs: number;
  readonly linearMs: number;
  /** Arms that decoded together. */
  readonly arms: number;
}

export const NO_TIMES: TurnTimes = { ...NO_TIME, decodeMs: 0, selectMs: 0, attendMs: 0, linearMs: 0, arms: 0 };

/** One arm: an answer for every turn, or in one line why there is none. */
export type ArmResult = readonly TurnResult[] | string;

/** Tokens of an arm besides those of the job: most that can be. */
export function armTokens(
  { turns }: Pick<Thread, "turns">,
  { tail, question }: Pick<Job, "tail" | "question">,
): number {
  const later = turns.slice(1).reduce((sum, turn) => sum + turn.tail.length, 0);
  return tail.length + question.length + later + turns.reduce((sum, turn) => sum + turn.newTokens, 0);
}

/** @returns A result for every arm of the job, in order. */
export async function runJob(context: JobContext, base: NativeSession): Promise<ArmResult[]> {
  const { arms } = context.job;
  const results: ArmResult[] = [];
  for (let from = 0; from < arms.length; from += BATCH) {
    results.push(...await runBatch(context, base, arms.slice(from, from + BATCH)));
  }
  return results;
}

/** Where memory is too small for all of them together, halves run one after the other. */
async function runBatch(context: JobContext, base: NativeSession, arms: readonly ThreadArm[]): Promise<ArmResult[]> {
  const { thread, job, count } = context;
  let results: ArmResult[];
  try {
    results = await converse(context, base, arms);
  } catch (error) {
    const failure = memoryFailure(error);
    if (arms.length > 1) {
      const half = Math.ceil(arms.length / 2);
      return [
        ...await runBatch(context, base, arms.slice(0, half)),
        ...await runBatch(context, base, arms.slice(half)),
      ];
    }
    results = [failure];
  }
  count.add(arms.length * armTokens(thread, job));
  return results;
}

async function converse(context: JobContext, base: NativeSession, arms: readonly ThreadArm[]): Promise<TurnResult[][]> {
  const { engine, unit, thread, job, signal } = context;
  using opened = new DisposableStack();
  const ids = [...job.ids, ...job.tail];
  const forks = await forkArms(base, arms, job.tail, signal);
  const states = forks.map((fork, i): ArmState => {
    const { index, planned } = arms[i]!;
    const session = opened.use(fork);
    return { recipe: unit.arms[index]!.recipe, session, planned, ids, pending: job.question, taken: NO_TIME };
  });

  const results: TurnResult[][] = arms.map(() => []);
  for (const [t, turn] of thread.turns.entries()) {
    for (const state of states) {
      await feed(engine, unit, state, { tail: t === 0 ? [] : turn.tail, newTokens: turn.newTokens }, signal);
    }
    const kept = states.map(({ session, planned }) => keptOf(engine, session, planned, thread.prompt.gold));
    // Answers run on forks: what they cost is theirs alone, and a golden history goes on without them.
    const lanes = states.map(({ session }) => opened.use(session.fork()));
    const spent = states.map(takeTimes);
    const isOver = t === thread.turns.length - 1;
    if (isOver || unit.task.history === "own") states.forEach(({ session }) => session[Symbol.dispose]());
    const said = await answers(lanes, answersRequest(context, turn, t));
    for (const [i, state] of states.entries()) {
      const lane = lanes[i]!, answer = said[i]!, { planned, ids } = state;
      using step = answer.ids.length === 1 ? await firstStep(lane, answer.ids[0]!) : null;
      const cost = costOf((step ?? lane).stats(), engine.model.usage(), engine.config, formatOf(unit.session));
      const cache = cacheUse(engine, cost, {
        planned,
        kept: kept[i]!,
        promptTokens: ids.length,
        session: unit.session,
      });
      const times = { ...spent[i]!, ...decodeTimes(lane.stats()), arms: lanes.length };
      results[i]!.push({ promptIds: ids, answer, cache, times });
      if (unit.task.history === "own" && !isOver) goOn(state, lane, answer);
      else lane[Symbol.dispose]();
    }
  }
  return results;
}

function answersRequest(
  { engine: { text }, thread, sample, signal }: JobContext,
  turn: PromptTurn,
  t: number,
): AnswersRequest {
  const { maxNewTokens, stop = [], answerPrefix } = sample.turns[thread.firstTurn + t]!;
  const continues = answerPrefix !== "" || sample.chat !== "model" || text.chat === null;
  return { tokenizer: text.tokenizer, newTokens: maxNewTokens, stop, continues, expected: turn.expected, signal };
}

/** An answer of one token makes no step, so that its session has read nothing yet: a fork of it makes one. */
async function firstStep(lane: NativeSession, id: number): Promise<NativeSession> {
  const fork = lane.fork();
  try {
    await NativeSession.decode([fork], [id]);
    return fork;
  } catch (error) {
    fork[Symbol.dispose]();
    throw error;
  }
}

function decodeTimes(
  { select_ns, attend_ns, linear_ns, sample_ns }: SessionStats,
): Omit<TurnTimes, keyof FeedTimes | "arms"> {
  return {
    decodeMs: (select_ns + attend_ns + linear_ns + sample_ns) / 1e6,
    selectMs: select_ns / 1e6,
    attendMs: attend_ns / 1e6,
    linearMs: linear_ns / 1e6,
  };
}
