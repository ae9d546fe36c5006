import assert from "node:assert/strict";
import { rocketkv, spawn, tinyGgufFile } from "./cli_process.ts";

const chat = (model: string, lines: string[], ...args: string[]) =>
  rocketkv(["chat", "-m", model, "-n", "6", ...args], { stdin: lines.join("\n") + "\n" });

Deno.test("chat answers every line of stdin and remembers the turns before", async () => {
  using model = tinyGgufFile();
  const together = await chat(model.path, ["first question", "second question"]);
  assert.deepEqual([together.code, together.stderr], [0, ""]);
  const alone = await chat(model.path, ["second question"]);
  const answers = together.stdout.trimEnd().split("\n");
  assert(answers.length >= 2);
  assert(!together.stdout.endsWith(`\n${alone.stdout}`), "the second answer depends on the first turn");
});

Deno.test("chat forgets with /reset", async () => {
  using model = tinyGgufFile();
  const once = await chat(model.path, ["same question"]);
  const twice = await chat(model.path, ["same question", "/reset", "same question"]);
  assert.equal(twice.stdout, once.stdout + once.stdout);
});

for (const method of ["rocketkv-mt", "rocketkv", "full"]) {
  Deno.test(`chat with ${method} goes on after /save and /load as if nothing had happened`, async () => {
    using model = tinyGgufFile();
    const file = `${model.folder}/talk.json`;
    const args = ["--method", method, "--budget", "48"];
    const first = "a long first message that fills some pages of the cache, so that there is something to choose from";
    const whole = await chat(model.path, [first, "and now?"], ...args);
    const begun = await chat(model.path, [first, `/save ${file}`], ...args);
    const ended = await chat(model.path, [`/load ${file}`, "and now?"], ...args);
    assert.deepEqual([whole.code, begun.code, ended.code], [0, 0, 0], begun.stderr + ended.stderr);
    assert.equal(begun.stdout + ended.stdout, whole.stdout);
  });
}

Deno.test("saving twice leaves one cache beside the conversation", async () => {
  using model = tinyGgufFile();
  const file = `${model.folder}/talk.json`;
  const { code } = await chat(model.path, ["hello", `/save ${file}`, "more", `/save ${file}`]);
  assert.equal(code, 0);
  const names = [...Deno.readDirSync(model.folder)].map(({ name }) => name);
  assert.equal(names.filter((name) => name.endsWith(".kv")).length, 1, names.join(" "));
  assert.equal(names.some((name) => name.endsWith(".tmp")), false, names.join(" "));
});

Deno.test("a conversation of another model is refused and the file stays", async () => {
  using model = tinyGgufFile();
  using other = tinyGgufFile({ seed: 2 });
  const file = `${model.folder}/talk.json`;
  await chat(model.path, ["hello", `/save ${file}`]);
  const { code, stderr } = await chat(other.path, [`/load ${file}`]);
  assert.deepEqual([code, stderr.split("\n").length], [1, 2]);
  assert.match(stderr, /it was made with another model$/m);
  assert(Deno.statSync(file).isFile);
});

const mistakes: readonly (readonly [line: string, message: RegExp])[] = [
  ["/sav talk", /^Cannot run \/sav: did you mean \/save\?$/m],
  ["/save", /expected a file name after \/save, found none/],
  ["/save x.json", /expected at least one answer, found none/],
  ["/load /no/such/file", /^Cannot load the conversation \/no\/such\/file/],
];
for (const [line, message] of mistakes) {
  Deno.test(`chat says in one line why it cannot run "${line}"`, async () => {
    using model = tinyGgufFile();
    const { code, stderr } = await chat(model.path, [line]);
    assert.deepEqual([code, stderr.split("\n").length], [1, 2], stderr);
    assert.match(stderr, message);
  });
}

Deno.test("chat refuses a damaged conversation file", async () => {
  using model = tinyGgufFile();
  const file = `${model.folder}/talk.json`;
  await chat(model.path, ["hello", `/save ${file}`]);
  const saved = JSON.parse(Deno.readTextFileSync(file));
  for (
    const damage of [
      "{",
      "[]",
      "null",
      JSON.stringify({ ...saved, cache: "../talk.kv" }),
      JSON.stringify({ ...saved, cached: 1e9 }),
    ]
  ) {
    Deno.writeTextFileSync(file, damage);
    const { code, stderr } = await chat(model.path, [`/load ${file}`]);
    assert.deepEqual([code, stderr.split("\n").length], [1, 2], damage + stderr);
  }
});

Deno.test("chat refuses a conversation that outgrows the model", async () => {
  using model = tinyGgufFile({ contextLength: 64 });
  const { code, stderr } = await chat(model.path, ["hello", "x".repeat(60)]);
  assert.equal(code, 1);
  assert.match(stderr, /made for 64 tokens/);
});

Deno.test("chat without a chat template points to generate --raw", async () => {
  using model = tinyGgufFile({ chatTemplate: null });
  const { code, stderr } = await chat(model.path, ["hello"]);
  assert.equal(code, 1);
  assert.match(stderr, /expected a chat template in the model, found none: use generate --raw/);
});

Deno.test("/stats tells the size of the history and /exit ends at once", async () => {
  using model = tinyGgufFile();
  const { code, stderr } = await chat(model.path, ["hello", "/stats", "/exit", "not answered"]);
  assert.equal(code, 0);
  assert.match(stderr, /history +2 messages, \d+ tokens/);
});

const write = async (child: Deno.ChildProcess, text: string) => {
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
};

Deno.test("Ctrl-C stops the answer and the conversation goes on", async () => {
  using model = tinyGgufFile();
  const child = spawn(["chat", "-m", model.path, "-n", "1000000", "--allow-long"]);
  await write(child, "hello\n");
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  await write(child, "/stats\n/exit\n");
  while (!(await reader.read()).done);
  const stderr = await new Response(child.stderr).text();
  await child.stdin.close();
  assert.equal((await child.status).code, 0, stderr);
  assert.match(stderr, /history +2 messages/);
});

Deno.test("Ctrl-C without an answer to stop leaves with 130", async () => {
  using model = tinyGgufFile();
  const child = spawn(["chat", "-m", model.path]);
  await write(child, "/help\n");
  const reader = child.stderr.getReader();
  await reader.read();
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  await child.stdout.cancel();
  assert.equal((await child.status).code, 130);
  await child.stdin.close().catch(() => {}); // its reader is gone
});
