/** Greedy answers of sessions that decode together, and the log probabilities of what they were expected to say. */
import { logprobOf } from "../../engine/logprobs.ts";
import { GREEDY } from "../../native/sampler.ts";
import { NativeSession } from "../../native/session.ts";
import type { Tokenizer, TokenStream } from "../../text/types.ts";

export interface AnswersRequest {
  readonly tokenizer: Tokenizer;
  /** Most tokens of an answer, at least 1. */
  readonly newTokens: number;
  /** See `Turn`. */
  readonly stop: readonly string[];
  /** The answer goes on in the middle of a text: a space in front of its first word is its own. */
  readonly continues: boolean;
  /** Tokens whose log probabilities are wanted, each behind those in front of it. */
  readonly expected: readonly number[];
  readonly signal: AbortSignal;
}

export interface SessionAnswer {
  /** The one that ended the answer included. All but the last are in the session's cache. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly finish: "eos" | "length" | "stop";
  readonly expectedLogprobs: readonly number[];
}

/** @param sessions  READY and with logits. They are left behind their answers. */
export async function answers(sessions: readonly NativeSession[], request: AnswersRequest): Promise<SessionAnswer[]> {
  using forks = new DisposableStack();
  const lanes = sessions.map((session) => new Lane(session, request, forks));
  for (let step = 0;; step++) {
    const fed = lanes.flatMap((lane) => lane.accept(step));
    if (fed.length === 0) return lanes.map((lane) => lane.answer());
    request.signal.throwIfAborted();
    const { tokens } = await NativeSession.decode(fed.map(({ session }) => session), fed.map(({ id }) => id), {
      samplers: fed.map(() => GREEDY),
    });
    fed.forEach(({ lane, session }, i) => lane.see(session, step + 1, tokens[i]!));
  }
}

/** A token for a session. */
interface Feed {
  readonly lane: Lane;
  readonly session: NativeSession;
  readonly id: number;
}

/**
 * One answer. As long as it says what is expected, one session serves both; where it first says something else, or ends, a
 * fork takes over the expected tokens.
 */
class Lane {
  readonly #stream: TokenStream;
  readonly #ids: number[] = [];
  readonly #logprobs: number[] = [];
  #text = "";
  #finish: SessionAnswer["finish"] | null = null;
  #next: number;
  /** Who is fed the expected tokens. */
  #teller: NativeSession;

  constructor(
    readonly session: NativeSession,
    readonly request: AnswersRequest,
    readonly forks: DisposableStack,
  ) {
    this.#stream = request.tokenizer.stream({ continues: request.continues });
    this.#next = session.sample(GREEDY);
    this.#teller = session;
    this.#score(0);
  }

  /** Take the token of a step in. @returns What the sessions are fed next. */
  accept(step: number): Feed[] {
    const { expected } = this.request;
    if (this.#finish === null) this.#say(this.#next);
    const said = this.#ids[step], wanted = expected[step];
    const more = step + 1 < expected.length;
    if (more && this.#teller === this.session && (this.#finish !== null || said !== wanted)) {
      this.#teller = this.forks.use(this.session.fork());
    }
    const feeds: Feed[] = [];
    if (this.#finish === null) feeds.push({ lane: this, session: this.session, id: said! });
    if (more && this.#teller !== this.session) feeds.push({ lane: this, session: this.#teller, id: wanted! });
    return feeds;
  }

  /** After a decode step of one of its sessions. @param next  What it would say. */
  see(session: NativeSession, step: number, next: number): void {
    if (session === this.session) this.#next = next;
    if (session === this.#teller) this.#score(step);
  }

  answer(): SessionAnswer {
    return { ids: this.#ids, text: this.#text, finish: this.#finish!, expectedLogprobs: this.#logprobs };
  }

  #score(step: number): void {
    const id = this.request.expected[step];
    if (id !== undefined) this.#logprobs.push(logprobOf(this.#teller.logits(), id));
  }

  #say(id: number): void {
    const { tokenizer, newTokens, stop } = this.request;
    this.#ids.push(id);
    if (tokenizer.eosIds.includes(id)) this.#finish = "eos";
    else this.#text += this.#stream.push(id);
    if (this.#finish === null && this.#ids.length >= newTokens) this.#finish = "length";
    if (this.#finish !== null) this.#text += this.#stream.flush();
    const end = stopAt(this.#text, stop);
    if (end === null) return;
    this.#text = this.#text.slice(0, end);
    this.#finish = "stop";
  }
}

/** Where the first stop begins that is behind the first letter; null without one. */
export function stopAt(text: string, stop: readonly string[]): number | null {
  const places = stop.map((one) => text.indexOf(one, 1)).filter((place) => place > 0);
  return places.length > 0 ? Math.min(...places) : null;
}
