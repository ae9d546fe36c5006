/** The parts of OpenAI's API that a study needs, as vLLM, TensorRT-LLM, SGLang, llama.cpp and `rocketkv serve` have them. */
import { RunError, UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import { Refusal, requestJson, type RequestOptions } from "./request.ts";

export interface ServedModel {
  readonly id: string;
  /** Tokens that it is served with; null where the server does not say. */
  readonly contextLength: number | null;
}

/** What a server generated. */
export interface Generated {
  readonly text: string;
  readonly finishReason: string;
  /** As the server counts them; null where it does not say. */
  readonly promptTokens: number | null;
  readonly newTokens: number | null;
}

export interface ChatTurn {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
}

export class EndpointClient {
  /**
   * @param url    Base address, as `endpointAddress()` gives it.
   * @param model  What the server calls it.
   */
  constructor(readonly url: string, readonly model: string, readonly options: RequestOptions = {}) {}

  /** Asked first, so a wrong address is found out soon. @throws {RunError} for an answer in another form. */
  async models(signal?: AbortSignal): Promise<ServedModel[]> {
    const attempts = Math.min(2, this.options.attempts ?? 2);
    const { data } = (await requestJson(`${this.url}/models`, undefined, { ...this.options, attempts, signal })) as {
      data?: unknown;
    };
    if (!Array.isArray(data)) throw this.#unexpected("/models", "a list of models");
    return data.map(({ id, max_model_len }) => ({ id: String(id), contextLength: max_model_len ?? null }));
  }

  /** Find out whether the server has the model. @throws {UsageError} with those that it has. */
  async check(signal?: AbortSignal): Promise<ServedModel> {
    const served = await this.models(signal);
    const found = served.find(({ id }) => id === this.model);
    if (found !== undefined) return found;
    const names = served.map(({ id }) => id);
    const close = nearest(this.model, names);
    const hint = close === null ? `expected one of ${names.join(", ")}` : `did you mean "${close}"?`;
    throw new UsageError(`Cannot use model "${this.model}" at ${this.url}: ${hint}`);
  }

  /** Continue token ids greedily. @throws {Refusal} for a prompt that the server does not take. */
  async complete(prompt: readonly number[], maxTokens: number, signal?: AbortSignal): Promise<Generated> {
    const request = { model: this.model, prompt, max_tokens: maxTokens, temperature: 0 };
    return this.#generated(
      "/completions",
      await this.#request("/completions", request, signal),
      (choice) => choice["text"],
    );
  }

  /** Answer a chat greedily. @throws {Refusal} as above. */
  async chat(messages: readonly ChatTurn[], maxTokens: number, signal?: AbortSignal): Promise<Generated> {
    const request = { model: this.model, messages, max_tokens: maxTokens, temperature: 0 };
    return this.#generated(
      "/chat/completions",
      await this.#request("/chat/completions", request, signal),
      (choice) => (choice["message"] as Record<string, unknown> | undefined)?.["content"],
    );
  }

  /**
   * Log probabilities of tokens behind a prompt, from the prompt's echo: the server reads them as it reads prompts, so they
   * say nothing about caches that are compressed behind the prompt.
   *
   * @returns One for each expected token, or null where the server has no such thing.
   */
  async echoLogprobs(
    prompt: readonly number[],
    expected: readonly number[],
    signal?: AbortSignal,
  ): Promise<number[] | null> {
    const ids = [...prompt, ...expected];
    const request = { model: this.model, prompt: ids, max_tokens: 0, temperature: 0, echo: true, logprobs: 1 };
    let reply: unknown;
    try {
      reply = await this.#request("/completions", request, signal);
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
    const { choices } = reply as { choices?: { logprobs?: { token_logprobs?: unknown } | null }[] };
    const logprobs = choices?.[0]?.logprobs?.token_logprobs;
    if (!Array.isArray(logprobs) || logprobs.length < ids.length) return null;
    const wanted = logprobs.slice(prompt.length, ids.length);
    return wanted.every((value) => typeof value === "number") ? wanted : null;
  }

  #request(path: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    return requestJson(this.url + path, body, { ...this.options, signal });
  }

  #generated(path: string, reply: unknown, textOf: (choice: Record<string, unknown>) => unknown): Generated {
    const { choices, usage } = reply as { choices?: Record<string, unknown>[]; usage?: Record<string, number> };
    const choice = choices?.[0];
    const text = choice && (textOf(choice) ?? ""); // an answer without any token has no content at some servers
    if (choice === undefined || typeof text !== "string") throw this.#unexpected(path, "an answer with a text");
    return {
      text,
      finishReason: String(choice["finish_reason"]),
      promptTokens: usage?.["prompt_tokens"] ?? null,
      newTokens: usage?.["completion_tokens"] ?? null,
    };
  }

  #unexpected(path: string, wanted: string): RunError {
    return new RunError(`Cannot use the answer of ${this.url}${path}: expected ${wanted}, found something else`);
  }
}
