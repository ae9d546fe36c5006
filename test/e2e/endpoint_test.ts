/** Tasks on a server: what it answers is what this machine answers with the same cache. */
import assert from "node:assert/strict";
import { EndpointClient } from "../../lib/endpoint/client.ts";
import { type Endpoint, runEndpointUnit } from "../../lib/endpoint/run_endpoint_unit.ts";
import { Slots } from "../../lib/endpoint/slots.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import type { SampleResult, Unit } from "../../lib/sweep/run/unit.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import type { Sample } from "../../lib/tasks/sample.ts";
import type { ChatMessage } from "../../lib/text/types.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { type ApiServer, serveModel } from "../support/api_server.ts";
import { tinyGgufFile } from "./cli_process.ts";

const { signal } = new AbortController();

function endpointOf(server: ApiServer, more: Partial<Endpoint> = {}): Endpoint {
  const { engine: { text, config }, url } = server;
  const client = new EndpointClient(url, "test-model", { attempts: 1 });
  return { client, text, contextLength: config.contextLength, echo: false, slots: new Slots(3), ...more };
}

async function unitOf(server: ApiServer, unit: Partial<Unit>): Promise<Unit> {
  const options = { depths: [0, 30, 60, 100], key: "digits:7", raw: true };
  const task = unit.task ?? await openTask({ name: "niah", options });
  const length = { unit: "tokens", count: 900 } as const;
  const [group] = await task.groups({ text: server.engine.text, length, seed: 3, count: 1 });
  return {
    task,
    group: group!,
    arms: [{ cell: "cell", recipe: server.recipe }],
    moment: "query-aware",
    scorer: "fixed",
    truncate: "refuse",
    session: {},
    done: new Set(),
    ...unit,
  };
}

/** Predictions without what a server does not tell. */
function answersOf(results: readonly SampleResult[]): unknown[] {
  return results.flatMap(({ answers }) =>
    answers.map(({ prediction: { cache: _, ids: _ids, expectedLogprobs: _l, finish: _f, ...known } }) => known)
  );
}

for (const method of ["full", "rocketkv", "streaming"]) {
  Deno.test(`needles through a server with ${method} are found and lost as on this machine`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "rocketkv-endpoint-" });
    try {
      makeNeedleModel(folder);
      await using server = await serveModel({ model: folder, method, budget: 128 });
      const unit = await unitOf(server, {});
      const local = await Array.fromAsync(runUnit(server.engine, unit, { signal }));
      const remote = await Array.fromAsync(runEndpointUnit(endpointOf(server), unit, { signal }));
      assert.deepEqual(remote.map(({ sample }) => sample), local.map(({ sample }) => sample));
      assert.deepEqual(answersOf(remote), answersOf(local));
      const found = remote.map(({ answers: [answer] }) => answer!.prediction.scores!.score);
      if (method === "streaming") assert(found.includes(0), `${found}`);
      else assert.deepEqual(found, [1, 1, 1, 1]);
      for (const { answers: [answer] } of remote) {
        assert.equal(answer!.prediction.cache, null);
        assert.equal(answer!.cell, "cell");
        assert.equal(answer!.timing.host, new URL(server.url).host);
        assert(answer!.timing.ttftMs > 0);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

const question = (text: string, answerPrefix = "") => ({
  question: text,
  answerPrefix,
  maxNewTokens: 6,
  scoring: { metric: "match_all", references: ["x"] } as const,
});

/** Samples with one context and one or several questions. */
async function unitFrom(
  server: ApiServer,
  samples: readonly Sample[],
  task: Partial<Unit["task"]> = {},
): Promise<Unit> {
  const { task: niah } = await unitOf(server, {});
  const group = { id: "g", keys: samples.map(({ key }) => key), make: () => Promise.resolve(samples) };
  return await unitOf(server, { task: { ...niah, ...task }, group });
}

const sampleOf = (more: Partial<Sample>): Sample => ({
  key: "0",
  depth: null,
  context: "some context ",
  turns: [question("and a question?")],
  chat: "model",
  ...more,
});

for (const history of ["golden", "own", "requests"] as const) {
  Deno.test(`several questions with ${history} histories are the same prompts and answers as on this machine`, async () => {
    using model = tinyGgufFile();
    await using server = await serveModel({ model: model.path });
    const turns = [question("one?"), question("two?", "it is"), question("three?")];
    const unit = await unitFrom(server, [sampleOf({ turns }), sampleOf({ key: "1", turns, chat: "raw" })], { history });
    const local = await Array.fromAsync(runUnit(server.engine, unit, { signal }));
    const remote = await Array.fromAsync(runEndpointUnit(endpointOf(server), unit, { signal }));
    // Random weights write bytes that are no text: what the server says of an answer is then not what was generated.
    const comparable = history === "own" ? (list: unknown[]) => list.slice(0, 1) : (list: unknown[]) => list;
    assert.deepEqual(comparable(answersOf(remote)), comparable(answersOf(local)));
  });
}

Deno.test("one message of a chat goes through the server's own template", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const unit = await unitFrom(server, [sampleOf({})]);
  const notes: string[] = [];
  const endpoint = endpointOf(server, { onNote: (note) => notes.push(note) });
  const local = await Array.fromAsync(runUnit(server.engine, unit, { signal }));
  const remote = await Array.fromAsync(runEndpointUnit(endpoint, unit, { signal }));
  assert.deepEqual(answersOf(remote), answersOf(local));
  assert.deepEqual(notes, []);
  const { tokenizer } = server.engine.text;
  const wrong = {
    ...endpoint,
    text: { tokenizer, chat: { render: ([message]: readonly ChatMessage[]) => `${message!.content}!` } },
  };
  await Array.fromAsync(runEndpointUnit(wrong, unit, { signal }));
  assert.match(notes[0]!, /^The server counts \d+ tokens in the prompt of sample 0, --tokenizer counts \d+/);
});

Deno.test("samples that are done are left out, and refused ones say why", async () => {
  using model = tinyGgufFile();
  await using server = await serveModel({ model: model.path });
  const long = sampleOf({ key: "long", chat: "raw", context: "x".repeat(5000) });
  const unit = await unitFrom(server, [sampleOf({}), long]);
  const endpoint = endpointOf(server, { contextLength: 10_000 });
  const [refused, ...others] = await Array.fromAsync(
    runEndpointUnit(endpoint, { ...unit, done: new Set(["0"]) }, { signal }),
  );
  assert.equal(others.length, 0);
  const { finish, error, scores, answer } = refused!.answers[0]!.prediction;
  assert.deepEqual([finish, scores, answer], ["error", null, ""]);
  assert.match(error!, /^HTTP 400 Cannot run the prompt: the model was made for 4096 tokens, found 5\d+/);
});
