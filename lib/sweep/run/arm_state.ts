/** An arm between two answers: its cache, and what stands in front of the next answer. */
import type { Engine } from "../../engine/engine.ts";
import { formatOf } from "../../engine/kv_options.ts";
import { planFor, type Planned, type Recipe } from "../../engine/recipe.ts";
import type { LayerPlans, Plan } from "../../methods/plan.ts";
import { decodeTail } from "../../methods/settings.ts";
import { NativeSession } from "../../native/session.ts";
import type { SessionAnswer } from "./answers.ts";
import type { Unit } from "./unit.ts";

export interface ArmState {
  readonly recipe: Recipe;
  session: NativeSession;
  planned: Planned;
  /** Tokens of the history that are cached, or were evicted. */
  ids: readonly number[];
  /** Tokens behind them that the session has not seen. */
  pending: readonly number[];
  /** What of the session's times was taken by `takeTimes()`. */
  taken: FeedTimes;
}

/** Milliseconds that feeding took. */
export interface FeedTimes {
  readonly prefillMs: number;
  readonly compressMs: number;
}

export const NO_TIME: FeedTimes = { prefillMs: 0, compressMs: 0 };

/**
 * Feed what stands between the history and the next answer.
 *
 * `query-aware`: the history with its new end is planned and compressed anew, as in a conversation. `query-agnostic`: the
 * context was compressed for good, and what follows is added to it.
 *
 * @param tail       Tokens of the new turn; empty when they are pending already.
 * @param newTokens  Most tokens of its answer.
 */
export async function feed(
  engine: Engine,
  { moment, session: options }: Unit,
  state: ArmState,
  { tail, newTokens }: { tail: readonly number[]; newTokens: number },
  signal: AbortSignal,
): Promise<void> {
  const pending = [...state.pending, ...tail];
  if (pending.length === 0) return;
  const ids = [...state.ids, ...pending];
  if (moment === "query-agnostic") {
    await state.session.prefill(pending, { signal });
    await state.session.compress(settled(state.planned.plans));
  } else {
    const fed = decodeTail(state.recipe.set, pending.length);
    const planned = planFor(state.recipe, engine.config, ids.length - fed, newTokens + fed, formatOf(options));
    const { plans: plan, patterns } = planned;
    await state.session.prefill(pending.slice(0, pending.length - fed), { plan, patterns, signal });
    for (const id of pending.slice(pending.length - fed)) await NativeSession.decode([state.session], [id]);
    state.planned = planned;
  }
  state.ids = ids;
  state.pending = [];
}

/** What feeding took since the last call; a fork starts with its own compression. */
export function takeTimes(state: ArmState): FeedTimes {
  const { taken } = state, now = takenBy(state.session);
  state.taken = now;
  return { prefillMs: now.prefillMs - taken.prefillMs, compressMs: now.compressMs - taken.compressMs };
}

/** Steps of an arm's own session are those of a decode tail, or of answers, whose times are not taken. */
function takenBy(session: NativeSession): FeedTimes {
  const { prefill_ns, compress_ns, select_ns, attend_ns, linear_ns } = session.stats();
  return { prefillMs: (prefill_ns + select_ns + attend_ns + linear_ns) / 1e6, compressMs: compress_ns / 1e6 };
}

/** Keep an answer in the history: the session has it in its cache, all but the last token. */
export function goOn(state: ArmState, session: NativeSession, { ids, finish }: SessionAnswer): void {
  state.session = session;
  state.taken = takenBy(session);
  state.ids = [...state.ids, ...ids.slice(0, -1)];
  state.pending = finish === "eos" ? [] : ids.slice(-1); // the template writes the end of a turn itself
}

/**
 * Plans of a cache that was compressed before, for what is behind it now: what was evicted once stays evicted and nothing
 * else goes, selection goes on.
 *
 * Plans that keep a list of what to attend to lose it where tokens are prefilled, so they choose again; so do those that drop
 * something at every step, which brings the cache back to its size.
 */
export function settled(plans: LayerPlans): LayerPlans {
  const settle = (plan: Plan): Plan => choosesAgain(plan) ? plan : { ...plan, evict: "none" };
  return plans.map(settle) as unknown as LayerPlans;
}

function choosesAgain({ evict, keepHistory, agree, stepKeep }: Plan): boolean {
  return stepKeep > 0 || (evict === "score" && (keepHistory || agree === "head"));
}
