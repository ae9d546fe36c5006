import { NativeSession } from "../native/session.ts";
import type { Sampler } from "../native/sampler.ts";
import type { Tokenizer } from "../text/types.ts";
import { logprobOf, type TokenLogprob, topLogprobs } from "./logprobs.ts";

export interface AnswerOptions {
  readonly sampler: Sampler;
  /** Most tokens to generate, at least 1. */
  readonly newTokens: number;
  /** Go on after an end-of-text token: for measurements. @default false */
  readonly ignoreEos?: boolean;
  /** The answer goes on in the middle of the prompt's text, as without a chat template. @default false */
  readonly continues?: boolean;
  /** Text that became certain with a token. */
  readonly onText?: ((text: string) => void) | undefined;
  /** Every token but one that ends the text, with the text that became certain with it. */
  readonly onToken?: ((token: AnswerToken) => void) | undefined;
  /** Candidates to report for every token. @default 0 */
  readonly logprobs?: number;
  /** Stops between two tokens; what was generated so far is the answer. */
  readonly signal?: AbortSignal | undefined;
}

/** A generated token. */
export interface AnswerToken {
  readonly id: number;
  /** May be empty, when a character is spread over several tokens. */
  readonly text: string;
  /** With `logprobs`: its own log probability and the best candidates. */
  readonly logprob?: number;
  readonly top?: readonly TokenLogprob[];
}

export interface Answer {
  /** Generated tokens, the one that ended the text included. All but the last are in the session's cache. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly finishReason: "eos" | "length" | "cancelled";
  /** Milliseconds from the call to the first token, and to the last one. */
  readonly firstMs: number;
  readonly totalMs: number;
  /** With `logprobs`: for each token its own log probability and the best candidates. */
  readonly logprobs: readonly { readonly id: number; readonly logprob: number; readonly top: TokenLogprob[] }[];
}

/** Generate from a session that is READY and has logits, token by token. */
export async function answer(session: NativeSession, tokenizer: Tokenizer, options: AnswerOptions): Promise<Answer> {
  const { sampler, newTokens, ignoreEos = false, onText, onToken, signal } = options;
  const count = options.logprobs ?? 0;
  const start = performance.now();
  const logits = count > 0 ? session.logits() : undefined;
  const eos = new Set(ignoreEos ? [] : tokenizer.eosIds);
  const stream = tokenizer.stream({ continues: options.continues ?? false });
  const logprobs: Answer["logprobs"][number][] = [];
  const ids: number[] = [];
  let text = "";
  const emit = (part: string) => {
    text += part;
    if (part) onText?.(part);
  };

  let id = session.sample(sampler);
  const firstMs = performance.now() - start;
  let finishReason: Answer["finishReason"] | undefined;
  while (true) {
    ids.push(id);
    const scored = logits && { logprob: logprobOf(logits, id), top: topLogprobs(logits, count) };
    if (scored) logprobs.push({ id, ...scored });
    if (eos.has(id)) {
      finishReason = "eos";
    } else {
      const part = stream.push(id);
      onToken?.({ id, text: part, ...scored });
      emit(part);
    }
    if (finishReason === undefined && ids.length >= newTokens) finishReason = "length";
    if (finishReason === undefined && signal?.aborted) finishReason = "cancelled";
    if (finishReason !== undefined) break;
    const step = await NativeSession.decode([session], [id], { samplers: [sampler], ...(logits && { logits }) });
    id = step.tokens[0]!;
  }
  emit(stream.flush());
  return { ids, text, finishReason, firstMs, totalMs: performance.now() - start, logprobs };
}
