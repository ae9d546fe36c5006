/** An OpenAI-compatible server of one model with one way to compress its cache. */
import { RunError } from "../error.ts";
import { ApiError, errorResponse, toApiError } from "./api_error.ts";
import { type Body, readBody } from "./body.ts";
import { KeyCheck } from "./key_check.ts";
import { type CacheChoice, complete, type Completed, type Piece } from "./complete.ts";
import { eventStream } from "./event_stream.ts";
import { Queue } from "./queue.ts";
import { type AskedFor, readChat, readCompletion, type Site } from "./request.ts";
import { chatForm, completionForm } from "./responses.ts";

export interface ServerOptions {
  readonly site: Site;
  readonly cache: CacheChoice;
  readonly hostname: string;
  /** 0 = any that is free. */
  readonly port: number;
  /** What requests must carry; null: nothing. `/health` answers without it, for what watches over servers. */
  readonly key: string | null;
  /** Stops the server; what runs is cut off. */
  readonly signal: AbortSignal;
  /** Most requests that wait while one runs. @default 64 */
  readonly waiting?: number;
  /** Told of every answer that was generated. */
  readonly onAnswer?: (path: string, completed: Completed) => void;
  /** Told of failures that are defects. */
  readonly onDefect?: (error: unknown) => void;
}

export interface Server {
  readonly hostname: string;
  readonly port: number;
  readonly finished: Promise<void>;
}

/** @throws {RunError} when the address cannot be listened on. */
export function startServer(options: ServerOptions): Server {
  const { hostname, port, signal } = options;
  const service = new Service(options);
  try {
    const server = Deno.serve({ hostname, port, onListen: () => {} }, (request) => service.answer(request));
    signal.addEventListener("abort", () => server.shutdown(), { once: true });
    const { port: found } = server.addr as Deno.NetAddr;
    return { hostname, port: found, finished: server.finished };
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new RunError(`Cannot serve on ${hostname}:${port}: the port is in use: pass another --port`);
    }
    // Foreign hosts, ports of the system: whatever the system says about them.
    throw new RunError(`Cannot serve on ${hostname}:${port}: ${(error as Error).message}`);
  }
}

class Service {
  readonly #queue: Queue;
  readonly #key: KeyCheck | null;
  readonly #startedAt = Math.floor(Date.now() / 1000);

  constructor(readonly options: ServerOptions) {
    this.#queue = new Queue(options.waiting ?? 64);
    this.#key = options.key === null ? null : new KeyCheck(options.key);
  }

  async answer(request: Request): Promise<Response> {
    try {
      return await this.#route(request);
    } catch (error) {
      const known = toApiError(error);
      if (known !== error && known.status === 500 && !(error instanceof RunError)) this.options.onDefect?.(error);
      return errorResponse(known);
    }
  }

  #route(request: Request): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    const { site } = this.options;
    if (pathname !== "/health") this.#key?.check(request);
    switch (`${request.method} ${pathname}`) {
      case "GET /health":
        return Response.json({ status: "ok", model: site.id, requests: this.#queue.length });
      case "GET /v1/models":
        return Response.json({ object: "list", data: [this.#model()] });
      case `GET /v1/models/${encodeURIComponent(site.id)}`:
        return Response.json(this.#model());
      case "POST /v1/completions":
        return this.#complete(request, readCompletion, completionForm);
      case "POST /v1/chat/completions":
        return this.#complete(request, readChat, chatForm);
    }
    throw new ApiError(404, `Cannot answer ${request.method} ${pathname}: there is no such thing here`);
  }

  #model() {
    const { site: { id, engine } } = this.options;
    return {
      id,
      object: "model",
      created: this.#startedAt,
      owned_by: "rocketkv",
      max_model_len: engine.config.contextLength,
    };
  }

  async #complete(
    request: Request,
    read: (site: Site, body: Body) => AskedFor,
    form: typeof chatForm,
  ): Promise<Response> {
    const { site, signal } = this.options;
    const body = await readBody(request);
    const asked = read(site, body);
    const answer = form(site.id, site.engine.text.tokenizer, asked);
    const { pathname } = new URL(request.url);
    if (!asked.stream) {
      const wanted = AbortSignal.any([signal, request.signal]);
      return Response.json(answer.whole(await this.#run(pathname, asked, wanted, () => {})));
    }
    return eventStream(async (send, gone) => {
      const first = answer.first();
      if (first !== null) send(first);
      const wanted = AbortSignal.any([signal, gone]);
      const done = await this.#run(pathname, asked, wanted, (piece) => send(answer.piece(piece)));
      send(answer.last(done));
      if (asked.streamUsage) send(answer.usage(done));
    });
  }

  async #run(
    pathname: string,
    asked: AskedFor,
    signal: AbortSignal,
    onPiece: (piece: Piece) => void,
  ): Promise<Completed> {
    const { site, cache, onAnswer } = this.options;
    const completed = await this.#queue.run(signal, () => complete(site, cache, asked, { signal, onPiece }));
    onAnswer?.(pathname, completed);
    return completed;
  }
}
