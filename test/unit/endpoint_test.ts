/** The client of OpenAI-compatible servers, against a server that does what a test tells it. */
import assert from "node:assert/strict";
import { endpointAddress } from "../../lib/endpoint/address.ts";
import { EndpointClient } from "../../lib/endpoint/client.ts";
import { inOrder } from "../../lib/endpoint/in_order.ts";
import { Refusal, requestJson } from "../../lib/endpoint/request.ts";
import { DeadEnd, UsageError } from "../../lib/error.ts";

interface Script extends AsyncDisposable {
  readonly url: string;
  /** Path, authorization and body of each request. */
  readonly requests: { path: string; key: string | null; body: unknown }[];
}

/** Answers requests one after the other with the replies; the last one stays. */
function serve(...replies: (Response | ((request: Request) => Response | Promise<Response>))[]): Script {
  const requests: Script["requests"] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const text = await request.text();
    const { pathname: path } = new URL(request.url);
    requests.push({ path, key: request.headers.get("authorization"), body: text === "" ? null : JSON.parse(text) });
    const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
    return typeof reply === "function" ? await reply(request) : reply.clone();
  });
  const { port } = server.addr as Deno.NetAddr;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const QUICK = { attempts: 3, retryDelayMs: 1 };
const error = (status: number, message: string, headers: HeadersInit = {}) =>
  Response.json({ error: { message } }, { status, headers });

Deno.test("addresses get the version where they have no path, and keep theirs", () => {
  for (
    const [text, wanted] of [
      ["http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"],
      ["http://box:8000/", "http://box:8000/v1"],
      ["https://api.example.com/v1/", "https://api.example.com/v1"],
      ["http://box/openai/v2", "http://box/openai/v2"],
    ] as const
  ) assert.equal(endpointAddress(text), wanted);
  for (const text of ["box:8000", "ftp://box/", "", "http://me:secret@box/v1", "http://box/v1?key=secret"]) {
    assert.throws(
      () => endpointAddress(text),
      (error: Error) =>
        error instanceof UsageError && error.message.startsWith("Cannot use --endpoint as it must be an address") &&
        !error.message.includes("secret"),
    );
  }
});

Deno.test("busy servers are asked again, for as long as they say, and then given up in one line", async () => {
  const fine = Response.json({ fine: true });
  await using busy = serve(error(429, "slow down", { "retry-after": "0" }), error(503, "loading"), fine);
  assert.deepEqual(await requestJson(`${busy.url}/x`, { a: 1 }, QUICK), { fine: true });
  assert.deepEqual(busy.requests.map(({ body }) => body), [{ a: 1 }, { a: 1 }, { a: 1 }]);

  await using dead = serve(error(503, "loading\nstill"));
  await assert.rejects(requestJson(`${dead.url}/x`, {}, QUICK), {
    name: "DeadEnd",
    message: `Cannot get an answer from ${dead.url}/x: HTTP 503 loading still (tried 3 times)`,
  });
  assert.equal(dead.requests.length, 3);
});

Deno.test("a server that is not there is one line, after the same tries", async () => {
  const gone = serve(Response.json({}));
  await gone[Symbol.asyncDispose]();
  await assert.rejects(
    requestJson(`${gone.url}/models`, undefined, QUICK),
    (error: Error) =>
      error instanceof DeadEnd &&
      /^Cannot get an answer from http:\S+\/models: connection refused.* \(tried 3 times\)$/.test(error.message),
  );
});

Deno.test("what will not get better is not tried again", async () => {
  await using refused = serve(error(400, "prompt too long"));
  await assert.rejects(
    requestJson(`${refused.url}/x`, {}, QUICK),
    (error: Error) => error instanceof Refusal && error.status === 400 && error.message === "HTTP 400 prompt too long",
  );
  await using locked = serve(error(401, "bad key"));
  const key = "sk-very-secret";
  await assert.rejects(
    requestJson(`${locked.url}/x`, {}, { ...QUICK, key }),
    (error: Error) =>
      error instanceof DeadEnd && !error.message.includes("secret") &&
      error.message.endsWith("HTTP 401 bad key: the key in OPENAI_API_KEY or --api-key-env is not accepted"),
  );
  assert.equal(locked.requests[0]!.key, `Bearer ${key}`);
  await using html = serve(new Response("<html>nothing of the kind"));
  await assert.rejects(requestJson(`${html.url}/x`, {}, QUICK), /expected JSON, found "<html>nothing/);
  await using moved = serve(new Response(null, { status: 307, headers: { location: "http://elsewhere/" } }));
  await assert.rejects(requestJson(`${moved.url}/x`, {}, { ...QUICK, key }), /HTTP 307/);
  assert.deepEqual([refused, locked, html, moved].map(({ requests }) => requests.length), [1, 1, 1, 1]);
});

Deno.test("a prompt that breaks the server each time is refused after all tries", async () => {
  await using broken = serve(error(500, "out of memory"));
  await assert.rejects(
    requestJson(`${broken.url}/x`, {}, QUICK),
    (error: Error) => error instanceof Refusal && error.message === "HTTP 500 out of memory",
  );
  assert.equal(broken.requests.length, 3);
});

Deno.test("an answer that takes too long is given up, and one that is not wanted any more is left", async () => {
  const late = Promise.withResolvers<Response>();
  await using slow = serve(() => late.promise);
  await assert.rejects(requestJson(`${slow.url}/x`, {}, { ...QUICK, timeoutMs: 30 }), /none came within 0.03 s$/);
  const stop = new AbortController();
  const asked = requestJson(`${slow.url}/x`, {}, { ...QUICK, signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  late.resolve(Response.json({}));
});

Deno.test("the model must be one that the server has", async () => {
  const data = [{ id: "llama-8b", max_model_len: 131072 }, { id: "other" }];
  await using server = serve(Response.json({ object: "list", data }));
  const check = (name: string) => new EndpointClient(server.url, name, QUICK).check();
  assert.deepEqual(await check("llama-8b"), { id: "llama-8b", contextLength: 131072 });
  assert.deepEqual(await check("other"), { id: "other", contextLength: null });
  await assert.rejects(
    check("lama-8b"),
    /^UsageError: Cannot use model "lama-8b" at http:\S+: did you mean "llama-8b"\?$/,
  );
  await assert.rejects(check("x"), /expected one of llama-8b, other$/);
});

Deno.test("completions and chats are greedy requests, whatever form their answers have", async () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2 };
  await using server = serve(
    Response.json({ choices: [{ text: " hi", finish_reason: "length" }], usage }),
    Response.json({ choices: [{ message: { content: null }, finish_reason: "stop" }] }),
    Response.json({ choices: [] }),
  );
  const client = new EndpointClient(server.url, "m", QUICK);
  const completed = await client.complete([5, 6, 7], 9);
  assert.deepEqual(completed, { text: " hi", finishReason: "length", promptTokens: 3, newTokens: 2 });
  const empty = await client.chat([{ role: "user", content: "hello" }], 4);
  assert.deepEqual(empty, { text: "", finishReason: "stop", promptTokens: null, newTokens: null });
  await assert.rejects(client.complete([1], 1), /expected an answer with a text, found something else$/);
  assert.deepEqual(server.requests.slice(0, 2).map(({ path, body }) => [path, body]), [
    ["/v1/completions", { model: "m", prompt: [5, 6, 7], max_tokens: 9, temperature: 0 }],
    ["/v1/chat/completions", {
      model: "m",
      messages: [{ role: "user", content: "hello" }],
      max_tokens: 4,
      temperature: 0,
    }],
  ]);
});

Deno.test("log probabilities by echo are those of the expected tokens, and null where there are none", async () => {
  const echo = (token_logprobs: unknown) => Response.json({ choices: [{ text: "", logprobs: { token_logprobs } }] });
  await using server = serve(
    echo([null, -1, -2, -3, -4]),
    echo([-9]), // of new tokens only
    Response.json({ choices: [{ text: "", logprobs: null }] }),
    error(400, "no echo here"),
  );
  const client = new EndpointClient(server.url, "m", QUICK);
  const ask = () => client.echoLogprobs([1, 2, 3], [4, 5]);
  assert.deepEqual([await ask(), await ask(), await ask(), await ask()], [[-3, -4], null, null, null]);
});

Deno.test("results come in the order of their items, as many at a time as allowed", async () => {
  const { signal } = new AbortController();
  let running = 0, most = 0;
  const work = async (ms: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, ms));
    running--;
    return ms;
  };
  const items = [20, 1, 10, 2, 5, 0];
  assert.deepEqual(await Array.fromAsync(inOrder(items, 3, work, signal)), items);
  assert.equal(most, 3);
});

Deno.test("a failure reaches whoever waits for it, and stops the others", async () => {
  const { signal } = new AbortController();
  const begun: number[] = [];
  const run = async (item: number, wanted: AbortSignal) => {
    begun.push(item);
    if (item === 1) throw new Error("item 1");
    if (item === 0) return item;
    await new Promise((_, reject) => wanted.addEventListener("abort", () => reject(wanted.reason)));
    return item;
  };
  const results: number[] = [];
  await assert.rejects(async () => {
    for await (const result of inOrder([0, 1, 2, 3, 4, 5, 6], 2, run, signal)) results.push(result);
  }, /item 1/);
  assert.deepEqual(results, [0]);
  assert(begun.length < 7, `${begun}`);
});
