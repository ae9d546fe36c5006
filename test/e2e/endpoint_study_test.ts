/** Studies on servers, from the command line: `--endpoint` and what goes with it. */
import assert from "node:assert/strict";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { serveModel } from "../support/api_server.ts";
import { rocketkv } from "./cli_process.ts";

const NEEDLES = ["niah", "--raw", "--depth", "0,40,100", "--length", "500,700", "--samples", "1"];

/** A folder with the needle model, removed at the end. */
function needleFolder(): { folder: string; model: string } & Disposable {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-served-" });
  makeNeedleModel(`${folder}/needle`);
  const remove = () => Deno.removeSync(folder, { recursive: true });
  return { folder, model: `${folder}/needle`, [Symbol.dispose]: remove };
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await rocketkv(args, { env });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Answers of a method, without what a server does not tell. */
function answersOf({ cells }: Run, method: string): unknown[] {
  return cells.filter(({ config }) => config.method === method).toSorted((a, b) =>
    a.config.length! < b.config.length! ? -1 : 1
  ).map(({ predictions }) =>
    predictions.map(({ cache: _c, ids: _i, expectedLogprobs: _e, finish: _f, ...known }) => known)
  );
}

Deno.test("servers answer as this machine does, and stand in one table by their labels", async () => {
  using needle = needleFolder();
  const { folder, model } = needle;
  const arms = ["--method", "rocketkv", "--budget", "96"];
  await run([...NEEDLES, "-m", model, ...arms, "--out", `${folder}/local`]);
  const local = await readRun(`${folder}/local`);
  const served = ["-m", "test-model", "--tokenizer", model, "--out", `${folder}/served`];
  {
    await using server = await serveModel({ model, method: "full" });
    await run([...NEEDLES, ...served, "--endpoint", server.url]);
    const answers = server.answers.length;
    await run([...NEEDLES, ...served, "--endpoint", server.url]);
    assert.equal(server.answers.length, answers, "finished work is not repeated");
  }
  await using server = await serveModel({ model, method: "rocketkv", budget: 96 });
  const label = ["--label", "compressed", "--extend"];
  const table = await run([...NEEDLES, ...served, ...label, "--endpoint", server.url.replace("/v1", "")]);
  assert.match(table, /compressed +3 /);
  const both = await readRun(`${folder}/served`);
  assert.equal(both.cells.length, 4);
  assert.deepEqual(answersOf(both, "full"), answersOf(local, "full"));
  assert.deepEqual(answersOf(both, "compressed"), answersOf(local, "rocketkv"));
  assert.deepEqual(
    both.cells.map(({ config }) => [config.budget, config.modelId]),
    both.cells.map(() => [
      null,
      local.cells[0]!.config.modelId,
    ]),
  );
  await run(["report", `${folder}/served`]);
  const rows = Deno.readTextFileSync(`${folder}/served/tables/cells.jsonl`).trim().split("\n").map((row) =>
    JSON.parse(row)
  );
  for (const row of rows) {
    assert.equal(row.fullScore, 100, "the labelled server is compared with the full one");
    assert.equal(row.tokensPerSecond, null, "what cannot be measured from here is not made up");
  }
});

Deno.test("the key reaches the server and nothing else", async () => {
  using needle = needleFolder();
  const { folder, model } = needle;
  const keys: (string | null)[] = [];
  const completion = { choices: [{ text: "nothing", finish_reason: "stop" }] };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    keys.push(request.headers.get("authorization"));
    return Response.json(request.method === "GET" ? { data: [{ id: "m" }] } : completion);
  });
  const { port } = server.addr as Deno.NetAddr;
  const args = [...NEEDLES, "-m", "m", "--tokenizer", model, "--endpoint", `http://127.0.0.1:${port}`, "--out"];
  await run([...args, `${folder}/a`], { OPENAI_API_KEY: "secret-one" });
  await run([...args, `${folder}/b`, "--api-key-env", "MY_KEY"], { MY_KEY: "secret-two", OPENAI_API_KEY: "other" });
  assert.deepEqual(new Set(keys), new Set(["Bearer secret-one", "Bearer secret-two"]));
  for (const run of ["a", "b"]) {
    const { stdout } = await new Deno.Command("grep", { args: ["-rl", "secret", `${folder}/${run}`] }).output();
    assert.equal(new TextDecoder().decode(stdout), "");
  }
});

Deno.test("a server that goes away ends the study in one line, and the same command goes on later", async () => {
  using needle = needleFolder();
  const { folder, model } = needle;
  let left = 2;
  await using server = await serveModel({ model });
  await using front = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && left-- <= 0) return Response.json({ error: "bad gateway" }, { status: 404 });
    const body = request.method === "POST" ? await request.text() : null;
    return await fetch(server.url.replace("/v1", pathname), { method: request.method, body });
  });
  const { port } = front.addr as Deno.NetAddr;
  const served = ["-m", "test-model", "--tokenizer", model, "--endpoint", `http://127.0.0.1:${port}/v1`];
  const args = [...NEEDLES, ...served, "--endpoint-jobs", "1", "--out", `${folder}/run`];
  const { code, stderr } = await rocketkv(args);
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot get an answer from http:\S+\/v1\/completions: HTTP 404 bad gateway$/m);
  const before = server.answers.length;
  left = Infinity;
  await run(args);
  assert.equal(server.answers.length, 6, `${before} were there before`);
});

const MISTAKES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [
    ["-m", "unknown-model"],
    /^Cannot use --endpoint without --tokenizer: expected files here .* texts of "unknown-model"/,
  ],
  [["-m", "tset-model", "--tokenizer", "MODEL"], /^Cannot use model "tset-model" at \S+: did you mean "test-model"\?/],
  [
    ["-m", "test-model", "--tokenizer", "MODEL", "--moment", "query-agnostic"],
    /^Cannot use --moment query-agnostic with/,
  ],
  [["-m", "test-model", "--tokenizer", "MODEL", "--method", "snapkv"], /^Cannot use --method snapkv with --endpoint/],
  [["-m", "test-model", "--tokenizer", "MODEL", "--api-key-env", "NO_KEY"], /^Cannot use --api-key-env NO_KEY/],
];
Deno.test("command lines that a server cannot follow are refused", async (t) => {
  using needle = needleFolder();
  await using server = await serveModel({ model: needle.model });
  for (const [args, message] of MISTAKES) {
    await t.step(args.join(" "), async () => {
      const own = args.map((word) => word === "MODEL" ? needle.model : word);
      const out = ["--endpoint", server.url, "--out", `${needle.folder}/run`];
      const { code, stderr } = await rocketkv([...NEEDLES, ...own, ...out]);
      assert.deepEqual([code, stderr.trimEnd().split("\n").length], [2, 1], stderr);
      assert.match(stderr, message);
    });
  }
  await t.step("--label without --endpoint", async () => {
    const { code, stderr } = await rocketkv([...NEEDLES, "-m", needle.model, "--label", "x"]);
    assert.deepEqual([code, stderr], [2, 'Cannot use --label "x" without --endpoint: methods have their own names\n']);
  });
  const fidelity = ["sweep", "--task", "fidelity", "-m", "test-model", "--tokenizer", needle.model];
  await t.step("fidelity", async () => {
    const { code, stderr } = await rocketkv([...fidelity, "--endpoint", server.url, "--out", `${needle.folder}/run`]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^Cannot run fidelity with --endpoint/);
  });
});

Deno.test("a grid file keeps server and label", async () => {
  const server = ["--endpoint", "http://box:8000", "--label", "theirs"];
  const printed = await run(["sweep", "--task", "niah", "-m", "big", ...server, "--print-grid"]);
  assert.match(printed, /^endpoint: http:\/\/box:8000\/v1$/m);
  const file = Deno.makeTempFileSync({ suffix: ".yaml" });
  Deno.writeTextFileSync(file, printed);
  assert.equal(await run(["sweep", "--grid", file, "--print-grid"]), printed);
  Deno.removeSync(file);
});

Deno.test("a server that only a grid file names is asked for on the command line too", async () => {
  using needle = needleFolder();
  await using server = await serveModel({ model: needle.model });
  const grid = `${needle.folder}/grid.yaml`;
  const served = ["--tokenizer", needle.model, "--out", `${needle.folder}/run`];
  const flags = ["-m", "test-model", "--task", "niah", "--length", "500", "--samples", "1"];
  await Deno.writeTextFile(grid, await run(["sweep", ...flags, "--endpoint", server.url, "--print-grid"]));
  const refused = await rocketkv(["sweep", "--grid", grid, ...served]);
  assert.deepEqual(refused, {
    code: 2,
    stdout: "",
    stderr:
      `Cannot connect to ${server.url}, which only the grid names: pass --endpoint ${server.url} too: a command may ` +
      "connect to what its command line names\n",
  });
  await run(["sweep", "--grid", grid, ...served, "--endpoint", server.url]);
});
