/** Our OpenAI-compatible server in the test's own process, on a free port. */
import { Engine } from "../../lib/engine/engine.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { startServer } from "../../lib/server/server.ts";

export interface ApiServer extends AsyncDisposable {
  /** `http://127.0.0.1:port/v1` */
  readonly url: string;
  readonly engine: Engine;
  readonly recipe: Recipe;
  /** Token counts of the answers so far. */
  readonly answers: number[];
  /** POST a JSON body. */
  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response>;
}

export interface ApiServerOptions {
  /** Folder or GGUF file. */
  readonly model: string;
  readonly method?: string;
  readonly budget?: number;
  readonly waiting?: number;
  /** @default none */
  readonly key?: string;
}

export async function serveModel(options: ApiServerOptions): Promise<ApiServer> {
  const { model, method = "full", budget = 256, waiting, key = null } = options;
  const engine = await Engine.open({ model, device: "cpu", threads: 2 });
  const stop = new AbortController();
  const answers: number[] = [];
  const recipe: Recipe = { method: findMethod(method), budget: { kind: "tokens", tokens: budget }, set: {} };
  const { port, finished } = startServer({
    site: { engine, id: "test-model", newTokens: 32, allowLong: false },
    cache: { recipe, session: {} },
    hostname: "127.0.0.1",
    port: 0,
    key,
    signal: stop.signal,
    onAnswer: (_path, { newTokens }) => answers.push(newTokens),
    ...(waiting !== undefined && { waiting }),
  });
  const url = `http://127.0.0.1:${port}/v1`;
  return {
    url,
    engine,
    recipe,
    answers,
    post: (path, body, signal) =>
      fetch(url + path, { method: "POST", body: JSON.stringify(body), ...(signal && { signal }) }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await finished;
      engine[Symbol.dispose]();
    },
  };
}
