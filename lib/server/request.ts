/** What a request asks for, from its JSON body: the parts that completions and chats have in common. */
import type { Engine } from "../engine/engine.ts";
import { GREEDY, type Sampler } from "../native/sampler.ts";
import { ApiError, badField } from "./api_error.ts";
import { type Body, numberOf, refuseUnsupported, stopsOf, switchOf } from "./body.ts";

/** A prompt to continue. */
export interface AskedFor {
  readonly promptIds: readonly number[];
  /** Most tokens of the answer; 0 only gives the prompt back. */
  readonly newTokens: number;
  readonly sampler: Sampler;
  readonly stop: readonly string[];
  /** Go on after an end-of-text token; a field that OpenAI's own API does not have, but other servers do. */
  readonly ignoreEos: boolean;
  /** Candidates besides the chosen token, or null when no log probabilities are wanted. */
  readonly logprobs: number | null;
  /** The answer goes on in the middle of a text. */
  readonly continues: boolean;
  /** Text in front of the answer: the prompt, with `echo`. */
  readonly echo: string;
  readonly stream: boolean;
  /** Usage in an event of its own at the end of a stream. */
  readonly streamUsage: boolean;
}

/** Where requests are read. */
export interface Site {
  readonly engine: Engine;
  /** Name of the model. */
  readonly id: string;
  /** Tokens of an answer when a chat does not say. */
  readonly newTokens: number;
  readonly allowLong: boolean;
}

const MAX_LOGPROBS = 20;
const UNLIMITED = 2 ** 31 - 1;

/** Options that change the answer and that we do not have, with the values that change nothing. */
const UNSUPPORTED = {
  n: [1],
  best_of: [1],
  suffix: [""],
  frequency_penalty: [0],
  presence_penalty: [0],
  logit_bias: [{}],
  tools: [[]],
  functions: [[]],
  response_format: [{ type: "text" }],
};

/** `POST /v1/completions`. @throws {ApiError} */
export function readCompletion(site: Site, body: Body): AskedFor {
  const { tokenizer } = site.engine.text;
  const shared = readShared(site, body);
  const prompt = promptOf(body["prompt"], tokenizer.vocabSize);
  const promptIds = typeof prompt === "string" ? tokenizer.encode(prompt) : prompt;
  const logprobs = numberOf(body, "logprobs", { min: 0, max: MAX_LOGPROBS, whole: true }) ?? null;
  const echo = switchOf(body, "echo");
  if (echo && logprobs !== null) {
    throw new ApiError(400, "Cannot use logprobs with echo: this server has them for new tokens only", "logprobs");
  }
  const newTokens = numberOf(body, "max_tokens", { min: echo ? 0 : 1, max: UNLIMITED, whole: true }) ?? 16;
  const text = typeof prompt === "string" ? prompt : tokenizer.decode(prompt);
  return checked(site, { ...shared, promptIds, newTokens, logprobs, continues: true, echo: echo ? text : "" });
}

/** `POST /v1/chat/completions`. An assistant's message at the end is the beginning of the answer. @throws {ApiError} */
export function readChat(site: Site, body: Body): AskedFor {
  const { text, source } = site.engine;
  if (text.chat === null) {
    throw new ApiError(400, `Cannot chat: ${source.name} has no chat template: use /v1/completions`);
  }
  const shared = readShared(site, body);
  const messages = messagesOf(body["messages"]);
  const begun = messages.at(-1)!.role === "assistant" ? messages.at(-1)!.content : "";
  const rendered = text.chat.render(begun === "" ? messages : messages.slice(0, -1)) + begun;
  const tokens = { min: 1, max: UNLIMITED, whole: true };
  const newTokens = numberOf(body, "max_completion_tokens", tokens) ?? numberOf(body, "max_tokens", tokens) ??
    site.newTokens;
  const top = numberOf(body, "top_logprobs", { min: 0, max: MAX_LOGPROBS, whole: true }) ?? 0;
  const logprobs = switchOf(body, "logprobs") ? top : null;
  const promptIds = text.tokenizer.encode(rendered);
  return checked(site, { ...shared, promptIds, newTokens, logprobs, continues: begun !== "", echo: "" });
}

function readShared(
  { id }: Site,
  body: Body,
): Omit<AskedFor, "promptIds" | "newTokens" | "logprobs" | "continues" | "echo"> {
  const model = body["model"] ?? id;
  if (model !== id) {
    throw new ApiError(404, `Cannot use model ${JSON.stringify(model)}: expected ${id}`, "model", "model_not_found");
  }
  refuseUnsupported(body, UNSUPPORTED);
  const temperature = numberOf(body, "temperature", { min: 0, max: 100 }) ?? 1;
  const topP = numberOf(body, "top_p", { min: 0, max: 1 }) ?? 1;
  const seed = numberOf(body, "seed", { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, whole: true });
  const options = body["stream_options"] as Body | null | undefined;
  return {
    sampler: { ...GREEDY, temperature, topP, seed: seed === undefined ? anySeed() : BigInt.asUintN(64, BigInt(seed)) },
    stop: stopsOf(body),
    ignoreEos: switchOf(body, "ignore_eos"),
    stream: switchOf(body, "stream"),
    streamUsage: switchOf(options ?? {}, "include_usage"),
  };
}

function anySeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}

/** A text, or token ids; either may be the only one in a list. */
function promptOf(value: unknown, vocabSize: number): string | readonly number[] {
  const only = Array.isArray(value) && value.length === 1 && typeof value[0] !== "number" ? value[0] : value;
  if (typeof only === "string" && only !== "") return only;
  const wanted = `one prompt: a text, or token ids from 0 to ${vocabSize - 1}`;
  if (!Array.isArray(only) || only.length === 0) throw badField("prompt", wanted, value ?? null);
  const wrong = only.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (wrong !== undefined) throw badField("prompt", wanted, wrong);
  return only as number[];
}

interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

function messagesOf(value: unknown): [Message, ...Message[]] {
  if (!Array.isArray(value) || value.length === 0) throw badField("messages", "at least one message", value ?? null);
  return value.map((message, i): Message => {
    const { role, content } = (message ?? {}) as Body;
    const known = role === "developer" ? "system" : role;
    if (known !== "system" && known !== "user" && known !== "assistant") {
      throw badField(`messages[${i}].role`, "system, developer, user or assistant", role ?? null);
    }
    const parts = Array.isArray(content) ? content : [{ type: "text", text: content }];
    if (parts.some((part) => part?.type !== "text" || typeof part.text !== "string")) {
      throw badField(`messages[${i}].content`, "a text, or a list of text parts", content ?? null);
    }
    return { role: known, content: parts.map(({ text }) => text).join("") };
  }) as [Message, ...Message[]];
}

/** Refuse what is longer than the model was made for. */
function checked({ engine, allowLong }: Site, asked: AskedFor): AskedFor {
  const { promptIds: { length }, newTokens } = asked;
  const limit = engine.config.contextLength;
  if (length === 0) throw new ApiError(400, "Cannot use prompt: expected at least one token, found none", "prompt");
  if (allowLong || length + newTokens <= limit) return asked;
  const message = `Cannot run the prompt: the model was made for ${limit} tokens, found ${length + newTokens} ` +
    `(${length} of the prompt and ${newTokens} new ones)`;
  throw new ApiError(400, message, "prompt", "context_length_exceeded");
}
