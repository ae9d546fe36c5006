/** Runs one request on the engine. */
import type { AnswerToken } from "../engine/answer.ts";
import { generate, type GenerateRecord } from "../engine/generate.ts";
import { checkMemory } from "../engine/memory.ts";
import type { Recipe } from "../engine/recipe.ts";
import { generateWorkload } from "../engine/workload.ts";
import { RunError } from "../error.ts";
import type { SessionOptions } from "../native/session.ts";
import { ApiError } from "./api_error.ts";
import type { AskedFor, Site } from "./request.ts";
import { StopFilter } from "./stop_filter.ts";

/** How the server's cache is compressed and stored. */
export interface CacheChoice {
  readonly recipe: Recipe;
  readonly session: SessionOptions;
}

/** Part of an answer that is certain, with the tokens that begin in it. */
export interface Piece {
  readonly text: string;
  readonly tokens: readonly AnswerToken[];
}

export interface Completed extends Piece {
  readonly finishReason: "stop" | "length";
  readonly promptTokens: number;
  readonly newTokens: number;
  /** What it cost; null when nothing was generated. */
  readonly record: GenerateRecord | null;
}

/**
 * @param onPiece  Called for every part of the answer; together they are the result's text and tokens.
 * @throws {ApiError} for a prompt that does not fit in memory.
 * @throws {DOMException} AbortError when the signal stopped it.
 */
export async function complete(
  { engine, allowLong }: Site,
  { recipe, session }: CacheChoice,
  asked: AskedFor,
  { signal, onPiece }: { signal: AbortSignal; onPiece: (piece: Piece) => void },
): Promise<Completed> {
  const { promptIds, newTokens } = asked;
  if (newTokens === 0) {
    const nothing = { text: asked.echo, tokens: [] };
    onPiece(nothing);
    return { ...nothing, finishReason: "length", promptTokens: promptIds.length, newTokens: 0, record: null };
  }
  checkRoom(() => {
    const workload = generateWorkload(engine.config, promptIds.length, { recipe, newTokens, session });
    checkMemory(engine.source, workload, engine.device);
  });
  const stopped = new AbortController();
  const gathered = new Gathered(asked, onPiece);
  const record = await generate(engine, {
    promptIds,
    recipe,
    session,
    newTokens,
    allowLong,
    sampler: asked.sampler,
    continues: asked.continues,
    ignoreEos: asked.ignoreEos,
    logprobs: asked.logprobs === null ? 0 : Math.max(1, asked.logprobs),
    signal: AbortSignal.any([signal, stopped.signal]),
    onToken: (token) => gathered.add(token),
    onText: (text) => {
      if (gathered.push(text)) stopped.abort();
    },
  });
  signal.throwIfAborted();
  gathered.end();
  return {
    text: gathered.text,
    tokens: gathered.tokens,
    finishReason: record.finishReason === "length" && !stopped.signal.aborted ? "length" : "stop",
    promptTokens: promptIds.length,
    newTokens: record.generatedIds.length,
    record,
  };
}

/** Too little memory for one prompt is that prompt's fault: the same request would fail again. */
function checkRoom(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof RunError) throw new ApiError(400, error.message, "prompt", "out_of_memory");
    throw error;
  }
}

/** Text and tokens of an answer, let out in pieces that no stop reaches into. */
class Gathered {
  text = "";
  readonly tokens: AnswerToken[] = [];
  readonly #filter: StopFilter;
  /** Tokens that begin behind what was let out, with the place in the answer's text where they begin. */
  readonly #waiting: { readonly token: AnswerToken; readonly from: number }[] = [];
  #generated: number;

  constructor({ stop, echo }: AskedFor, readonly onPiece: (piece: Piece) => void) {
    this.#filter = new StopFilter(stop);
    this.#generated = echo.length;
    if (echo !== "") this.#letOut(echo);
  }

  /** A token whose text comes with the next push(). */
  add(token: AnswerToken): void {
    this.#waiting.push({ token, from: this.#generated });
  }

  /** @returns Whether a stop was found. */
  push(text: string): boolean {
    this.#generated += text.length;
    const certain = this.#filter.push(text);
    if (certain !== "") this.#letOut(certain);
    return this.#filter.stopped;
  }

  end(): void {
    this.#letOut(this.#filter.flush(), this.#filter.stopped ? 0 : Infinity);
  }

  /** @param beyond  Tokens that begin so far behind the text go with it: all of them at the end. */
  #letOut(text: string, beyond = 0): void {
    this.text += text;
    const count = this.#waiting.findLastIndex(({ from }) => from < this.text.length + beyond) + 1;
    const tokens = this.#waiting.splice(0, count).map(({ token }) => token);
    this.tokens.push(...tokens);
    if (text !== "" || tokens.length > 0) this.onPiece({ text, tokens });
  }
}
