/** One request to a server: JSON in, JSON out, tried again where that may help. */
import { setTimeout as sleep } from "node:timers/promises";
import { DeadEnd } from "../error.ts";

export interface RequestOptions {
  /** Sent as the bearer token; never part of a message. */
  readonly key?: string | undefined;
  /** Tries in all. @default 5 */
  readonly attempts?: number;
  /** Wait before the second try, twice as long before each later one; a server's `retry-after` counts instead. @default 1000 */
  readonly retryDelayMs?: number;
  /** Longest time that one answer may take. @default 600000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A server that understood the request and will not answer it, however often it is asked. */
export class Refusal extends Error {
  override readonly name: string = "Refusal";

  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** Longest wait that a server can ask for. */
const LONGEST_WAIT_MS = 60_000;

/**
 * @param body  Sent by POST; without it the request is a GET.
 * @throws {Refusal} for a status from 400 on that will stay, and for 500 after all tries.
 * @throws {DeadEnd} for a server that cannot be reached, is busy for good or says something else than JSON.
 */
export async function requestJson(url: string, body: unknown, options: RequestOptions = {}): Promise<unknown> {
  const { attempts = 5, retryDelayMs = 1000, signal } = options;
  for (let attempt = 1;; attempt++) {
    const reply = await tryOnce(url, body, options);
    if (!("failure" in reply)) return reply.json;
    const { failure, status, waitMs } = reply;
    if (attempt >= attempts) {
      if (status === 500) throw new Refusal(500, failure);
      throw new DeadEnd(`Cannot get an answer from ${url}: ${failure} (tried ${attempt} times)`);
    }
    await sleep(waitMs ?? retryDelayMs * 2 ** (attempt - 1), undefined, signal && { signal });
  }
}

/** What may go better next time. */
interface Failure {
  readonly failure: string;
  /** HTTP status, or null without an answer. */
  readonly status: number | null;
  readonly waitMs: number | null;
}

async function tryOnce(
  url: string,
  body: unknown,
  { key, timeoutMs = 600_000, signal }: RequestOptions,
): Promise<{ json: unknown } | Failure> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const headers = new Headers({ accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
  let response: Response, text: string;
  try {
    response = await fetch(url, {
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
      headers,
      redirect: "manual", // another address was not asked for, and gets no key
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) throw new DeadEnd(`Cannot get an answer from ${url}: none came within ${timeoutMs / 1000} s`);
    if (!(error instanceof TypeError)) throw error; // no permission to connect
    return { failure: lastCause(error), status: null, waitMs: null };
  }
  const { status } = response;
  if (status === 200) return { json: parse(url, text) };
  const failure = `HTTP ${status} ${messageOf(text) ?? response.statusText}`.trim();
  if (status === 429 || status >= 500) return { failure, status, waitMs: retryAfter(response) };
  if ([400, 413, 422].includes(status)) throw new Refusal(status, failure);
  const hint = status === 401 || status === 403 ? ": the key in OPENAI_API_KEY or --api-key-env is not accepted" : "";
  throw new DeadEnd(`Cannot get an answer from ${url}: ${failure}${hint}`);
}

function parse(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DeadEnd(`Cannot get an answer from ${url}: expected JSON, found "${text.slice(0, 40)}"`);
  }
}

/** The message of an error in OpenAI's form, or in one of the forms that other servers have. */
function messageOf(text: string): string | null {
  try {
    const body = JSON.parse(text);
    const message = body?.error?.message ?? body?.error ?? body?.message ?? body?.detail;
    return typeof message === "string" ? message.replaceAll(/\s+/g, " ") : null;
  } catch {
    return null;
  }
}

function retryAfter({ headers }: Response): number | null {
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return seconds >= 0 ? Math.min(seconds * 1000, LONGEST_WAIT_MS) : null;
}

/** Its cause says `... client error (Connect): tcp connect error: Connection refused (os error 111)`. */
function lastCause(error: TypeError): string {
  const { message } = error.cause instanceof Error ? error.cause : error;
  return message.split(": ").at(-1)!.toLowerCase();
}
