/** Answers in the shapes of OpenAI's API, whole or as the events of a stream. */
import type { AnswerToken } from "../engine/answer.ts";
import { bytesPerStep } from "../engine/cost.ts";
import type { GenerateRecord } from "../engine/generate.ts";
import type { TokenLogprob } from "../engine/logprobs.ts";
import type { Tokenizer } from "../text/types.ts";
import type { Completed, Piece } from "./complete.ts";
import type { AskedFor } from "./request.ts";

/** One request's answer, in the form of its endpoint. */
export interface AnswerForm {
  whole(completed: Completed): unknown;
  /** First event of a stream; null where there is none. */
  first(): unknown;
  piece(piece: Piece): unknown;
  /** The event that says why the answer ended. */
  last(completed: Completed): unknown;
  /** The event that says what it took, for those who ask for it. */
  usage(completed: Completed): unknown;
}

/** `text_completion` */
export function completionForm(model: string, tokenizer: Tokenizer, asked: AskedFor): AnswerForm {
  const head = { id: `cmpl-${crypto.randomUUID()}`, object: "text_completion", created: now(), model };
  let offset = asked.echo.length;
  const choice = ({ text, tokens }: Piece, finish_reason: string | null) => {
    const logprobs = asked.logprobs === null ? null : completionLogprobs(tokenizer, tokens, asked.logprobs, offset);
    offset += tokens.reduce((sum, token) => sum + token.text.length, 0);
    return { index: 0, text, logprobs, finish_reason };
  };
  return {
    whole: (done) => ({ ...head, choices: [choice(done, done.finishReason)], ...bill(done) }),
    first: () => null,
    piece: (piece) => ({ ...head, choices: [choice(piece, null)] }),
    last: (done) => ({ ...head, choices: [choice({ text: "", tokens: [] }, done.finishReason)], ...cost(done) }),
    usage: (done) => ({ ...head, choices: [], ...bill(done) }),
  };
}

/** `chat.completion` and `chat.completion.chunk` */
export function chatForm(model: string, tokenizer: Tokenizer, asked: AskedFor): AnswerForm {
  const head = { id: `chatcmpl-${crypto.randomUUID()}`, created: now(), model };
  const chunk = { ...head, object: "chat.completion.chunk" };
  const logprobsOf = (tokens: readonly AnswerToken[]) =>
    asked.logprobs === null ? null : chatLogprobs(tokenizer, tokens, asked.logprobs);
  const event = (delta: unknown, tokens: readonly AnswerToken[], finish_reason: string | null) => ({
    ...chunk,
    choices: [{ index: 0, delta, logprobs: tokens.length > 0 ? logprobsOf(tokens) : null, finish_reason }],
  });
  return {
    whole: (done) => {
      const message = { role: "assistant", content: done.text };
      const choice = { index: 0, message, logprobs: logprobsOf(done.tokens), finish_reason: done.finishReason };
      return { ...head, object: "chat.completion", choices: [choice], ...bill(done) };
    },
    first: () => event({ role: "assistant", content: "" }, [], null),
    piece: ({ text, tokens }) => event({ content: text }, tokens, null),
    last: (done) => ({ ...event({}, [], done.finishReason), ...cost(done) }),
    usage: (done) => ({ ...chunk, choices: [], ...bill(done) }),
  };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

function bill(done: Completed) {
  const { promptTokens, newTokens } = done;
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: newTokens,
    total_tokens: promptTokens + newTokens,
  };
  return { usage, ...cost(done) };
}

/** Our own field: what the cache was asked to take, and took. Bytes of all layers. */
function cost({ record }: Completed) {
  return record === null ? {} : { rocketkv: costFields(record) };
}

function costFields(record: GenerateRecord) {
  const { method, tokenBudget, ttftMs, cost } = record;
  return {
    method,
    token_budget: tokenBudget,
    measured_budget: cost.measuredBudget,
    kv_bytes: cost.kvBytes,
    aux_bytes: cost.auxBytes,
    kv_peak_bytes: cost.kvPeakBytes,
    read_bytes_per_step: cost.scoreReadBytes + cost.attendReadBytes,
    read_bytes_per_step_with_weights: bytesPerStep(cost),
    ttft_ms: ttftMs,
    prefill_ms: cost.prefillMs,
    compress_ms: cost.compressMs,
    decode_ms: cost.selectMs + cost.attendMs + cost.linearMs + cost.sampleMs,
  };
}

function completionLogprobs(tokenizer: Tokenizer, tokens: readonly AnswerToken[], count: number, from: number) {
  let offset = from;
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top!.slice(0, count).map(({ id, logprob }) => [textOf(tokenizer, id), logprob]))
    ),
    text_offset: tokens.map(({ text }) => (offset += text.length) - text.length),
  };
}

function chatLogprobs(tokenizer: Tokenizer, tokens: readonly AnswerToken[], count: number) {
  const entry = ({ id, logprob }: TokenLogprob) => {
    const token = textOf(tokenizer, id);
    return { token, logprob, bytes: [...new TextEncoder().encode(token)] };
  };
  return {
    content: tokens.map(({ id, logprob, top }) => ({
      ...entry({ id, logprob: logprob! }),
      top_logprobs: top!.slice(0, count).map(entry),
    })),
  };
}

/** A token alone; one that is part of a character becomes U+FFFD. */
function textOf(tokenizer: Tokenizer, id: number): string {
  return tokenizer.decode([id], { special: true });
}
