import assert from "node:assert/strict";
import { LAUNCHER, rocketkv, spawn, tinyGgufFile } from "./cli_process.ts";

const PROMPT = "The quick brown fox jumps over the lazy dog. ".repeat(8);

async function record(...args: string[]) {
  const { code, stdout, stderr } = await rocketkv(["generate", "--json", ...args]);
  assert.deepEqual([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("generate prints the text on stdout and, with --stats, the cost on stderr", async () => {
  using model = tinyGgufFile();
  const plain = await rocketkv(["generate", "-m", model.path, "-p", PROMPT, "-n", "8"]);
  assert.deepEqual([plain.code, plain.stderr], [0, ""]);
  assert(plain.stdout.endsWith("\n"));
  const told = await rocketkv(["generate", "-m", model.path, "-p", PROMPT, "-n", "8", "--stats"]);
  assert.equal(told.stdout, plain.stdout);
  for (const fact of ["first token", "kept", "read per step", "spent"]) assert(told.stderr.includes(fact));
});

Deno.test("generate --json gives one record that adds up", async () => {
  using model = tinyGgufFile();
  const found = await record("-m", model.path, "-p", PROMPT, "-n", "8", "--budget", "64", "--ignore-eos");
  assert.equal(found.finish_reason, "length");
  assert.equal(found.generated_ids.length, 8);
  assert.equal(found.prompt_tokens, found.prompt_ids.length);
  assert.equal(found.cost.steps, 7, "the first token comes from the prefill");
  assert(
    found.compression.kept_max < found.prompt_tokens && found.compression.bytes_after < found.compression.bytes_before,
  );
  assert(found.cost.measured_budget > 0 && found.cost.measured_budget <= 64, `spent ${found.cost.measured_budget}`);
  assert(found.ttft_ms > 0 && found.tpot_ms > 0);
});

Deno.test("generate takes the same prompt from -p, a file and stdin", async () => {
  using model = tinyGgufFile();
  const file = `${model.folder}/prompt.txt`;
  Deno.writeTextFileSync(file, PROMPT);
  const args = ["generate", "-m", model.path, "-n", "4"];
  const outcomes = await Promise.all([
    rocketkv([...args, "-p", PROMPT]),
    rocketkv([...args, "-f", file]),
    rocketkv(args, { stdin: PROMPT }),
    rocketkv([...args, "-p", "-"], { stdin: PROMPT }),
  ]);
  for (const outcome of outcomes) assert.deepEqual(outcome, outcomes[0]);
  assert.equal(outcomes[0].code, 0);
});

Deno.test("generate wraps the prompt in the chat template unless --raw is given", async () => {
  using model = tinyGgufFile();
  const raw = await record("-m", model.path, "-p", "hi", "-n", "1", "--raw");
  const chat = await record("-m", model.path, "-p", "hi", "-n", "1");
  const system = await record("-m", model.path, "-p", "hi", "-n", "1", "--system", "be brief");
  assert(raw.prompt_tokens < chat.prompt_tokens && chat.prompt_tokens < system.prompt_tokens);
});

Deno.test("a budget that holds every token gives the text of the full cache", async () => {
  using model = tinyGgufFile();
  const args = ["-m", model.path, "-p", PROMPT, "-n", "16", "--ignore-eos", "--kv-type", "f32"];
  const full = await record(...args, "--method", "full");
  const wide = await record(...args, "--method", "rocketkv", "--budget", "4096");
  assert.deepEqual(wide.generated_ids, full.generated_ids);
});

Deno.test("--ratio divides prompt and new tokens", async () => {
  using model = tinyGgufFile();
  const found = await record("-m", model.path, "-p", PROMPT, "-n", "4", "--ratio", "4x");
  assert.equal(found.token_budget, Math.floor((found.prompt_tokens + 4) / 4));
});

Deno.test("decode_tail feeds the end of the prompt as decode steps", async () => {
  using model = tinyGgufFile();
  const args = ["-m", model.path, "-p", PROMPT, "-n", "4", "--method", "full", "--kv-type", "f32", "--ignore-eos"];
  const whole = await record(...args);
  const tail = await record(...args, "--set", "decode_tail=5");
  assert.equal(tail.cost.steps, whole.cost.steps + 5);
  assert.deepEqual(tail.generated_ids, whole.generated_ids, "with the full cache it makes no difference");
});

Deno.test("--logprobs ranks candidates, and greedy takes the first", async () => {
  using model = tinyGgufFile();
  const { logprobs, generated_ids } = await record(
    "-m",
    model.path,
    "-p",
    "hi",
    "-n",
    "3",
    "--logprobs",
    "4",
    "--ignore-eos",
  );
  assert.deepEqual(logprobs.map((token: { top: { id: number }[] }) => token.top[0]!.id), generated_ids);
  for (const { logprob, top } of logprobs) {
    assert.equal(top.length, 4);
    assert.equal(logprob, top[0].logprob);
    const mass = top.reduce((sum: number, candidate: { logprob: number }) => sum + Math.exp(candidate.logprob), 0);
    assert(mass > 0 && mass <= 1);
  }
});

Deno.test("the same seed draws the same text, another one does not", async () => {
  using model = tinyGgufFile();
  const args = ["-m", model.path, "-p", "hi", "-n", "24", "--temperature", "1", "--ignore-eos"];
  const first = await record(...args, "--seed", "7");
  assert.deepEqual((await record(...args, "--seed", "7")).generated_ids, first.generated_ids);
  assert.notDeepEqual((await record(...args, "--seed", "8")).generated_ids, first.generated_ids);
});

const refusals:
  readonly (readonly [what: string, args: string[], stdin: string | Uint8Array<ArrayBuffer>, line: RegExp])[] = [
    ["an empty prompt", ["-p", ""], "", /^Cannot run the prompt: expected at least one character, found none$/m],
    [
      "bytes that are not UTF-8",
      [],
      new Uint8Array([0x66, 0xff, 0x6f]),
      /^Cannot read the prompt: expected UTF-8 text, found other bytes in stdin$/m,
    ],
    [
      "a prompt longer than the context",
      ["-p", "x".repeat(300)],
      "",
      /made for 256 tokens, found \d+ \(\d+ of the prompt and 128 new ones\)/,
    ],
    ["a system message without a template", ["-p", "x", "--raw", "--system", "y"], "", /needs a chat template/],
  ];
for (const [what, args, stdin, line] of refusals) {
  Deno.test(`generate refuses ${what} in one line`, async () => {
    using model = tinyGgufFile({ contextLength: 256 });
    const { code, stdout, stderr } = await rocketkv(["generate", "-m", model.path, ...args], { stdin });
    assert.deepEqual([code, stdout, stderr.split("\n").length], [1, "", 2]);
    assert.match(stderr, line);
  });
}

Deno.test("--allow-long runs past the context the model was made for", async () => {
  using model = tinyGgufFile({ contextLength: 256 });
  const { code } = await rocketkv(["generate", "-m", model.path, "-p", "x".repeat(300), "-n", "2", "--allow-long"]);
  assert.equal(code, 0);
});

Deno.test("generate reports a damaged model file as one line", async () => {
  using model = tinyGgufFile();
  Deno.truncateSync(model.path, Deno.statSync(model.path).size / 2);
  const { code, stderr } = await rocketkv(["generate", "-m", model.path, "-p", "hi"]);
  assert.deepEqual([code, stderr.split("\n").length], [1, 2], stderr);
});

/** Arguments of an answer that does not end by itself. */
const endless = (
  model: string,
) => ["generate", "-m", model, "-p", "hi", "-n", "1000000", "--ignore-eos", "--allow-long"];

Deno.test("Ctrl-C stops the answer, keeps what is out, and exits with 130", async () => {
  using model = tinyGgufFile();
  const child = spawn(endless(model.path));
  await child.stdin.close();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert(value!.length > 0);
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  const stderr = await new Response(child.stderr).text();
  assert.deepEqual([(await child.status).code, stderr], [130, "Stopped\n"]);
});

Deno.test("a reader that goes away ends the command without a word", async () => {
  using model = tinyGgufFile();
  const shell = new Deno.Command("sh", {
    args: ["-c", '"$0" "$@" | head -c 1 >/dev/null', LAUNCHER, ...endless(model.path)],
    stderr: "piped",
  });
  const { stderr } = await shell.output();
  assert.equal(new TextDecoder().decode(stderr), "");
});
