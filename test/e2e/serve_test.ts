/** `rocketkv serve`: answers that are those of the engine, in the form of OpenAI's API. */
import assert from "node:assert/strict";
import { generate } from "../../lib/engine/generate.ts";
import { encodePrompt } from "../../lib/engine/prompt.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { type ApiServer, serveModel } from "../support/api_server.ts";
import { rocketkv, spawn, tinyGgufFile } from "./cli_process.ts";

const LONG = "a text that is long enough for a small budget to matter, over and over. ".repeat(8);

// deno-lint-ignore no-explicit-any -- whatever shape is wrong fails the assertion that looks at it
async function json(response: Response): Promise<any> {
  return await response.json();
}

/** What the engine itself says. */
const own = ({ engine, recipe }: ApiServer, promptIds: number[], newTokens: number, logprobs = 0) =>
  generate(engine, { promptIds, recipe, newTokens, sampler: GREEDY, continues: true, logprobs });

/** The data of a stream's events. */
async function events(response: Response): Promise<string[]> {
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  return text.trimEnd().split("\n\n").map((event) => event.match(/^data: (.*)$/)![1]!);
}

Deno.test("completions say what the engine says, for a text and for its token ids", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path, method: "rocketkv", budget: 64 });
  const ids = server.engine.text.tokenizer.encode(LONG);
  const wanted = await own(server, ids, 12, 2);
  for (const prompt of [LONG, ids, [LONG], [ids]]) {
    const response = await server.post("/completions", { prompt, max_tokens: 12, temperature: 0, logprobs: 2 });
    const answer = await json(response);
    assert.equal(response.status, 200, JSON.stringify(answer));
    assert.equal(answer.object, "text_completion");
    const [choice] = answer.choices;
    assert.equal(choice.text, wanted.text);
    assert.equal(choice.finish_reason, "length");
    assert.deepEqual(choice.logprobs.token_logprobs, wanted.logprobs.map(({ logprob }) => logprob));
    assert(choice.logprobs.top_logprobs.every((top: object) => Object.keys(top).length <= 2));
    assert.equal(choice.logprobs.tokens.join(""), choice.text);
    assert.deepEqual(answer.usage, {
      prompt_tokens: ids.length,
      completion_tokens: wanted.generatedIds.length,
      total_tokens: ids.length + wanted.generatedIds.length,
    });
    assert.equal(answer.rocketkv.method, "rocketkv");
    assert.equal(answer.rocketkv.token_budget, 64);
    assert.equal(answer.rocketkv.measured_budget, wanted.cost.measuredBudget);
    assert.equal(answer.rocketkv.kv_bytes, wanted.cost.kvBytes);
  }
});

Deno.test("chats go through the model's template, and an assistant's message at the end is gone on with", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const ids = encodePrompt(server.engine.text, "hello", { system: "be brief" });
  const messages = [{ role: "system", content: "be brief" }, { role: "user", content: "hello" }];
  const ask = async (more: object[]) =>
    await json(
      await server.post("/chat/completions", { messages: [...messages, ...more], max_tokens: 9, temperature: 0 }),
    );
  const plain = await ask([]);
  assert.equal(plain.choices[0].message.content, (await own(server, ids, 9)).text);
  assert.equal(plain.choices[0].message.role, "assistant");
  assert.equal(plain.usage.prompt_tokens, ids.length);
  const begun = await ask([{ role: "assistant", content: [{ type: "text", text: "well" }] }]);
  const longer = [...ids, ...server.engine.text.tokenizer.encode("well", { bos: false })];
  assert.equal(begun.choices[0].message.content, (await own(server, longer, 9)).text);
});

Deno.test("a stream's pieces are the whole answer, with its log probabilities, its end and its usage", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const request = { prompt: LONG, max_tokens: 20, temperature: 0.9, seed: 5, logprobs: 1 };
  const whole = await json(await server.post("/completions", request));
  const stream = { ...request, stream: true, stream_options: { include_usage: true } };
  const sent = await events(await server.post("/completions", stream));
  assert.equal(sent.pop(), "[DONE]");
  const parts = sent.map((event) => JSON.parse(event));
  const usage = parts.pop();
  assert.deepEqual([usage.choices, usage.usage], [[], whole.usage]);
  assert.equal(parts.map(({ choices: [choice] }) => choice.text).join(""), whole.choices[0].text);
  assert.equal(parts.at(-1).choices[0].finish_reason, whole.choices[0].finish_reason);
  for (const name of ["tokens", "token_logprobs", "text_offset"]) {
    const all = parts.flatMap(({ choices: [choice] }) => choice.logprobs[name]);
    assert.deepEqual(all, whole.choices[0].logprobs[name], name);
  }

  const chat = { messages: [{ role: "user", content: "hi" }], max_tokens: 6, temperature: 0 };
  const wholeChat = await json(await server.post("/chat/completions", chat));
  const chunks = await events(await server.post("/chat/completions", { ...chat, stream: true }));
  const [first, ...rest] = chunks.slice(0, -1).map((event) => JSON.parse(event).choices[0].delta);
  assert.deepEqual(first, { role: "assistant", content: "" });
  assert.equal(rest.map(({ content = "" }) => content).join(""), wholeChat.choices[0].message.content);
});

Deno.test("an answer ends in front of a stop, and so do its tokens; echo puts the prompt in front", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const { text } = await own(server, server.engine.text.tokenizer.encode("abc"), 30);
  const stop = [...text].slice(4, 6).join("");
  const wanted = text.slice(0, text.indexOf(stop));
  const request = { prompt: "abc", max_tokens: 30, temperature: 0 };
  const { choices: [choice], usage } = await json(
    await server.post("/completions", { ...request, stop: [stop, "not in there"], logprobs: 0 }),
  );
  assert.deepEqual([choice.text, choice.finish_reason], [wanted, "stop"]);
  assert.equal(choice.logprobs.tokens.join(""), wanted);
  assert(usage.completion_tokens < 30, "generation goes on behind the stop");
  const echoed = await json(await server.post("/completions", { ...request, echo: true }));
  assert.equal(echoed.choices[0].text, `abc${text}`);
  const only = await json(await server.post("/completions", { ...request, echo: true, max_tokens: 0 }));
  assert.deepEqual([only.choices[0].text, only.usage.completion_tokens], ["abc", 0]);
});

/** Requests that get no answer, with the status, the field and the beginning of the message. */
const REFUSED: readonly (readonly [path: string, body: unknown, status: number, param: string | null, RegExp])[] = [
  ["/completions", {}, 400, "prompt", /^Cannot use prompt: expected one prompt/],
  ["/completions", { prompt: ["a", "b"] }, 400, "prompt", /^Cannot use prompt/],
  ["/completions", { prompt: [3, 999] }, 400, "prompt", /token ids from 0 to 259, found 999/],
  ["/completions", { prompt: "a", max_tokens: 0 }, 400, "max_tokens", /between 1 and/],
  ["/completions", { prompt: "a", temperature: -1 }, 400, "temperature", /a number between 0 and 100, found -1/],
  ["/completions", { prompt: "a", n: 2 }, 400, "n", /^Cannot use n 2: this server does not have it/],
  ["/completions", { prompt: "a", logit_bias: { 5: 1 } }, 400, "logit_bias", /does not have it/],
  ["/completions", { prompt: "a", echo: true, logprobs: 1 }, 400, "logprobs", /for new tokens only/],
  ["/completions", { prompt: "a", stop: ["a", "b", "c", "d", "e"] }, 400, "stop", /up to 4/],
  ["/completions", { prompt: "a", model: "other" }, 404, "model", /^Cannot use model "other": expected test-model/],
  ["/completions", { prompt: "a".repeat(4090) }, 400, "prompt", /the model was made for 4096 tokens, found 4107/],
  ["/completions", [], 400, null, /expected a JSON object/],
  ["/chat/completions", { messages: [] }, 400, "messages", /at least one message/],
  ["/chat/completions", { messages: [{ role: "user" }] }, 400, "messages[0].content", /a text/],
  ["/chat/completions", { messages: [{ role: "me", content: "x" }] }, 400, "messages[0].role", /found "me"/],
  ["/embeddings", {}, 404, null, /^Cannot answer POST \/v1\/embeddings/],
];
Deno.test("requests that cannot be answered get OpenAI's errors", async (t) => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  for (const [path, body, status, param, message] of REFUSED) {
    await t.step(`${path} ${JSON.stringify(body).slice(0, 60)}`, async () => {
      const response = await server.post(path, body);
      const { error } = await json(response);
      assert.deepEqual([response.status, error.param, error.type], [status, param, "invalid_request_error"]);
      assert.match(error.message, message);
    });
  }
  const broken = await fetch(`${server.url}/completions`, { method: "POST", body: "{" });
  assert.equal(broken.status, 400);
  assert.match((await json(broken)).error.message, /^Cannot read the request: expected JSON/);
});

Deno.test("a client that goes away cancels its generation, streamed or not", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const health = async () => (await json(await fetch(server.url.replace("/v1", "/health")))).requests;
  for (const stream of [true, false]) {
    const leave = new AbortController();
    const request = { prompt: "abc", max_tokens: 4000, ignore_eos: true, stream };
    const asked = server.post("/completions", request, leave.signal);
    if (stream) await (await asked).body!.getReader().read();
    else while (await health() === 0);
    leave.abort();
    await asked.catch(() => {});
    const start = performance.now();
    while (await health() > 0) assert(performance.now() - start < 2000, "it goes on for nobody");
  }
  assert.deepEqual(server.answers, []);
  const after = await json(await server.post("/completions", { prompt: "abc", max_tokens: 3, ignore_eos: true }));
  assert.deepEqual([after.usage.completion_tokens, server.answers], [3, [3]]);
});

Deno.test("a server with a key answers nobody else, and says that it lives", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path, key: "secret" });
  const asked = (headers: HeadersInit, path = "/models") => fetch(server.url + path, { headers });
  for (
    const headers of [{}, { authorization: "secret" }, { authorization: "Bearer secre" }, { authorization: "Bearer" }]
  ) {
    const refused = await asked(headers as HeadersInit);
    assert.deepEqual([refused.status, refused.headers.get("www-authenticate")], [401, "Bearer"]);
    const { error } = await json(refused);
    assert.deepEqual([error.code, error.type], ["invalid_api_key", "invalid_request_error"]);
    assert.match(
      error.message,
      /^Cannot answer: (expected a key in the header Authorization, found none|it has another key)$/,
    );
  }
  const denied = await server.post("/completions", { prompt: "abc", max_tokens: 3 });
  assert.deepEqual([denied.status, server.answers], [401, []]);
  await denied.body!.cancel();
  for (const scheme of ["Bearer", "bearer"]) {
    const { data: [{ id }] } = await json(await asked({ authorization: `${scheme} secret` }));
    assert.equal(id, "test-model");
  }
  assert.equal((await json(await fetch(server.url.replace("/v1", "/health")))).status, "ok");
});

Deno.test("the command takes its key from the environment, and serves no network without one", async () => {
  using model = tinyGgufFile();
  const network = await rocketkv(["serve", "-m", model.path, "--host", "0.0.0.0", "--port", "0"]);
  assert.deepEqual(network, {
    code: 2,
    stdout: "",
    stderr:
      "Cannot serve on 0.0.0.0 without a key: anyone who reaches it could use the model: pass --api-key-env and the " +
      "environment variable that holds one, or --allow-anyone\n",
  });
  const keyed = ["serve", "-m", model.path, "--host", "0.0.0.0", "--port", "0", "--api-key-env", "SERVER_KEY"];
  const without = await rocketkv(keyed, { env: { SERVER_KEY: "" } });
  assert.deepEqual([without.code, without.stderr], [
    2,
    "Cannot use --api-key-env SERVER_KEY: expected an environment variable of that name, found none\n",
  ]);
  const child = spawn(keyed, { SERVER_KEY: "secret" });
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.endsWith("\n")) said += (await reader.read()).value;
  const url = `http://127.0.0.1:${said.match(/:(\d+)\/v1: /)![1]}/v1`;
  const study = ["niah", "--raw", "--endpoint", url, "-m", "tiny.gguf", "--tokenizer", model.path, "--length", "400"];
  const run = [...study, "--depth", "50", "--samples", "1", "--out", `${model.folder}/run`];
  const stranger = await rocketkv(run);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /401.*expected a key in the header Authorization, found none/);
  const known = await rocketkv([...run, "--api-key-env", "MY_KEY"], { env: { MY_KEY: "secret" } });
  assert.equal(known.code, 0, known.stderr);
  child.kill("SIGINT");
  assert.deepEqual((await child.status).code, 0);
  await reader.cancel();
  await child.stdout.cancel();
  await child.stdin.close();
});

Deno.test("the command serves until it is told to stop, and names a port that is in use", async () => {
  using model = tinyGgufFile();
  const child = spawn(["serve", "-m", model.path, "--port", "0", "--method", "snapkv", "--budget", "32"]);
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.endsWith("\n")) said += (await reader.read()).value;
  const [, name, port] = said.match(/^Serving (\S+) with snapkv, budget 32 on http:\/\/127.0.0.1:(\d+)\/v1: /)!;
  assert.equal(name, "tiny.gguf");
  const { data: [{ id, max_model_len }] } = await json(await fetch(`http://127.0.0.1:${port}/v1/models`));
  assert.deepEqual([id, max_model_len], ["tiny.gguf", 4096]);
  const second = await rocketkv(["serve", "-m", model.path, "--port", port!]);
  assert.deepEqual(second, {
    code: 1,
    stdout: "",
    stderr: `Cannot serve on 127.0.0.1:${port}: the port is in use: pass another --port\n`,
  });
  const body = JSON.stringify({ prompt: LONG, max_tokens: 4 });
  const answer = await json(await fetch(`http://127.0.0.1:${port}/v1/completions`, { method: "POST", body }));
  assert.equal(answer.rocketkv.method, "snapkv");
  child.kill("SIGINT");
  assert.deepEqual((await child.status).code, 0);
  await reader.cancel();
  await child.stdout.cancel();
  await child.stdin.close();
});
