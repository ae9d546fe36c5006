import { RunError } from "../error.ts";
import { observationsFor } from "../methods/observe.ts";
import type { ProgressListener } from "../native/progress.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import type { ChatMessage, ChatTemplate } from "../text/types.ts";
import { type Answer, answer, type AnswerOptions } from "./answer.ts";
import { type Cost, costOf } from "./cost.ts";
import type { Engine } from "./engine.ts";
import { formatOf } from "./kv_options.ts";
import { checkContext } from "./prompt.ts";
import { planFor, type Recipe } from "./recipe.ts";

export interface ConversationOptions {
  readonly recipe: Recipe;
  readonly system?: string | undefined;
  readonly session?: SessionOptions;
  readonly allowLong?: boolean;
}

export interface TurnOptions extends AnswerOptions {
  /** Counts tokens x layers of the prefill. */
  readonly onPrefill?: ProgressListener;
}

/** Everything that a conversation needs besides the cache to go on later. */
export interface ConversationState {
  readonly messages: readonly ChatMessage[];
  /** Text that the template gave for the messages so far, answers included. */
  readonly text: string;
  /** Token ids of that text. */
  readonly ids: readonly number[];
  /** How many of them are in the session's cache. */
  readonly cached: number;
}

/** More tokens than a conversation will have: every method compresses them. */
export const LONG_HISTORY = 2 ** 24;

const EMPTY: ConversationState = { messages: [], text: "", ids: [], cached: 0 };

/**
 * Several turns on one compressed history.
 *
 * A turn prefills only what is new: the rest of the last answer's template, the message, the answer's header. The plan
 * is then made anew for the grown history. Where the template rewrites what it rendered before (some drop the thoughts
 * of earlier answers), the history is prefilled again.
 */
export class Conversation implements Disposable {
  readonly #template: ChatTemplate;
  #session: NativeSession | null = null;
  #state: ConversationState = EMPTY;

  /** @throws {RunError} for a model without a chat template. */
  constructor(readonly engine: Engine, readonly options: ConversationOptions) {
    const { chat } = engine.text;
    if (chat === null) {
      throw new RunError(
        `Cannot talk to ${engine.source.name}: expected a chat template in the model, found none: use generate --raw`,
      );
    }
    this.#template = chat;
  }

  get state(): ConversationState {
    return this.#state;
  }

  /** The cache, once there is one. */
  get session(): NativeSession | null {
    return this.#session;
  }

  /**
   * Say something and generate the answer. An answer that was stopped or cut off stays in the history as it is.
   *
   * @throws {RunError} when the conversation outgrows the model.
   * @throws {DOMException} AbortError when the signal stopped the prefill; the turn is then undone.
   */
  async turn(content: string, options: TurnOptions): Promise<Answer> {
    const messages = [...this.#opening(), { role: "user", content }] satisfies ChatMessage[];
    const text = this.#template.render(messages);
    const { tokenizer } = this.engine.text;
    const grows = this.#session !== null && text.startsWith(this.#state.text);
    const ids = grows
      ? [...this.#state.ids, ...tokenizer.encode(text.slice(this.#state.text.length), { bos: false })]
      : tokenizer.encode(text);
    const { newTokens, signal, onPrefill } = options;
    if (!this.options.allowLong) checkContext(ids.length, newTokens, this.engine.config.contextLength);

    const format = formatOf(this.options.session);
    const { plans, patterns } = planFor(this.options.recipe, this.engine.config, ids.length, newTokens, format);
    const session = grows ? this.#session! : this.#newSession();
    try {
      await session.prefill(ids.slice(grows ? this.#state.cached : 0), {
        plan: plans,
        patterns,
        ...(signal && { signal }),
        ...(onPrefill && { onProgress: onPrefill }),
      });
    } catch (error) {
      if (!grows) session[Symbol.dispose]();
      throw error;
    }
    if (!grows) this.#replace(session);

    const result = await answer(session, tokenizer, options);
    // The token that ended the answer was not fed, and the template writes it itself at the next turn.
    const said = result.finishReason === "eos" ? result.ids.slice(0, -1) : result.ids;
    this.#state = {
      messages: [...messages, { role: "assistant", content: result.text }],
      text: text + result.text,
      ids: [...ids, ...said],
      cached: ids.length + result.ids.length - 1,
    };
    return result;
  }

  /** What the conversation has cost so far, or null before its first turn. */
  cost(): Cost | null {
    const format = formatOf(this.options.session);
    return this.#session && costOf(this.#session.stats(), this.engine.model.usage(), this.engine.config, format);
  }

  /** Forget everything but the system message. */
  reset(): void {
    this.#replace(null);
    this.#state = EMPTY;
  }

  /** Go on from a saved state; the conversation takes the session over. */
  resume(state: ConversationState, session: NativeSession): void {
    this.#replace(session);
    this.#state = state;
  }

  [Symbol.dispose](): void {
    this.#replace(null);
  }

  #opening(): readonly ChatMessage[] {
    if (this.#state.messages.length > 0) return this.#state.messages;
    const { system } = this.options;
    return system === undefined ? [] : [{ role: "system", content: system }];
  }

  /** A session that observes what later turns need, also while the history still fits the budget. */
  #newSession(): NativeSession {
    const { plans } = planFor(this.options.recipe, this.engine.config, LONG_HISTORY, 1, formatOf(this.options.session));
    const observe = observationsFor([plans]);
    return NativeSession.create(this.engine.model, { ...this.options.session, observe });
  }

  #replace(session: NativeSession | null): void {
    this.#session?.[Symbol.dispose]();
    this.#session = session;
  }
}
