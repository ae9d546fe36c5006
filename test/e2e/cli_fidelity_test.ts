/** `rocketkv fidelity` as people run it, on tiny models. */
import assert from "node:assert/strict";
import { rocketkv, spawn, tinyGgufFile } from "./cli_process.ts";

const PROMPT = "The quick brown fox jumps over the lazy dog. ".repeat(8);

/** Rows of the record by method, and the record. */
async function measure(model: string, ...args: string[]) {
  const { code, stdout, stderr } = await rocketkv(["fidelity", "--json", "-m", model, ...args]);
  assert.deepEqual([code, stderr], [0, ""]);
  const record = JSON.parse(stdout);
  const rows = Object.fromEntries(record.rows.map((row: { method: string }) => [row.method, row]));
  return { record, rows };
}

Deno.test("a budget that holds every token is at distance 0 from the full cache", async () => {
  using model = tinyGgufFile();
  const { rows } = await measure(
    model.path,
    ...["-p", PROMPT, "-n", "8", "--method", "full,rocketkv,hsa,snapkv,quest,adakv(snapkv),h2o", "--budget", "4096"],
  );
  for (const [method, row] of Object.entries<Record<string, number>>(rows)) {
    assert.equal(row["kl"], 0, method);
    assert.deepEqual([row["top1"], row["top5"], row["agreeing_steps"], row["nll_difference"]], [1, 1, 8, 0], method);
    assert.equal(row["perplexity"], row["perplexity_full"], method);
  }
});

Deno.test("the true best tokens of a budget are closer to the full cache than random ones", async () => {
  using model = tinyGgufFile();
  const { rows, record } = await measure(
    model.path,
    ...["-p", PROMPT, "-n", "16", "--method", "oracle,random", "--budget", "32"],
  );
  const { oracle, random } = rows;
  assert(record.noise.kl_max > 0, "the second time is computed in another order");
  assert(oracle.kl > record.noise.kl && oracle.kl < random.kl / 2, `KL ${oracle.kl} and ${random.kl}`);
  assert(oracle.top1 >= random.top1);
  assert(random.kv_bytes < oracle.kv_bytes, "the oracle evicts nothing");
});

Deno.test("fidelity --json has every number once, with methods and budgets in their order", async () => {
  using model = tinyGgufFile();
  const { record } = await measure(
    model.path,
    ...["-p", PROMPT, "-n", "4", "--method", "full,snapkv", "--budget", "32,64", "--kv-type", "f32"],
  );
  const { rows, noise, ...about } = record;
  assert.deepEqual(about, {
    model: about.model,
    device: about.device,
    kv_type: "f32",
    prompt_tokens: about.prompt_tokens,
    prompts: 1,
  });
  assert.deepEqual(rows.map((row: { method: string; token_budget: number | null }) => [row.method, row.token_budget]), [
    ["full", null],
    ["snapkv", 32],
    ["snapkv", 64],
  ]);
  const [full, narrow, wide] = rows;
  assert.equal(full.measured_budget, about.prompt_tokens + 2); // three steps with one, two, three tokens more
  assert(narrow.kv_bytes < wide.kv_bytes && wide.kv_bytes < full.kv_bytes);
  assert.equal(narrow.steps, 4);
  for (const row of [...rows, noise]) {
    assert(row.kl >= 0 && row.kl_median <= row.kl_p95 && row.kl_p95 <= row.kl_max, JSON.stringify(row));
    assert(row.top1 >= 0 && row.top1 <= 1 && row.top5 >= 0 && row.top5 <= 1);
    assert.equal(row.kl_error, null, "one prompt has no standard error");
  }
  assert(noise.kl < 1e-6 && noise.top1 === 1, `f32 noise ${noise.kl}`);
});

Deno.test("fidelity --continuation feeds a text of its own", async () => {
  using model = tinyGgufFile();
  const file = `${model.folder}/next.txt`;
  Deno.writeTextFileSync(file, "And then it slept.");
  const args = ["-p", PROMPT, "--method", "full,snapkv", "--budget", "32"];
  const given = await measure(model.path, ...args, "-n", "100", "--continuation", file);
  assert.equal(given.rows["full"].steps, 18, "no more steps than the text has tokens");
  const own = await measure(model.path, ...args, "-n", "18");
  assert(given.rows["full"].perplexity_full > own.rows["full"].perplexity_full, "its own choice is the likeliest");
  const refused = await rocketkv(["fidelity", "-m", model.path, ...args, "--continuation", "/no/such/file"]);
  assert.deepEqual([refused.code, refused.stderr], [1, "Cannot read the prompt: no file /no/such/file\n"]);
});

Deno.test("fidelity --context cuts prompts out of a text, and their spread gives a standard error", async () => {
  using model = tinyGgufFile();
  const file = `${model.folder}/text.txt`;
  Deno.writeTextFileSync(file, Array.from({ length: 300 }, (_, i) => `${i} `).join(""));
  const args = ["-f", file, "--context", "150", "-n", "4", "--method", "snapkv", "--budget", "16"];
  const { record, rows } = await measure(model.path, ...args, "--samples", "3");
  assert.deepEqual([record.prompts, record.prompt_tokens, rows["snapkv"].steps], [3, 150, 12]);
  assert(rows["snapkv"].kl_error > 0);
  const table = await rocketkv(["fidelity", "-m", model.path, ...args, "--markdown"]);
  assert.match(table.stdout, /^\| method \| budget \|.*\n\| --- \| ---: \|.*\n\| snapkv \| 16 \|/);
  assert.match(table.stdout, /1 prompt of 150 tokens, 4 steps each/);
});

Deno.test("a decode tail and a sparse prefill are measured against the dense prefill of the whole prompt", async () => {
  using model = tinyGgufFile();
  const patterns = `${model.folder}/patterns.json`;
  const pattern = { "0": ["vertical_and_slash", 30, 50, 1], "1": ["vertical_and_slash", 30, 50, 1] };
  Deno.writeTextFileSync(patterns, JSON.stringify([pattern, pattern]));
  const args = ["-p", PROMPT, "-n", "6", "--kv-type", "f32", "--budget", "4096"];
  const tail = await measure(model.path, ...args, "--method", "full,rocketkv", "--set", "decode_tail=9");
  for (const row of [tail.rows["full"], tail.rows["rocketkv"]]) {
    assert(row.kl < 1e-6 && row.top1 === 1, `${row.method}: KL ${row.kl}`);
  }
  const { rows } = await measure(
    model.path,
    ...[...args, "--method", "full,minference,minference+rocketkv", "--method-file", `patterns=${patterns}`],
  );
  assert.equal(rows["full"].kl, 0);
  assert(rows["minference"].kl > 1e-6, "a sparse prefill changes what is cached");
  assert.equal(rows["minference+rocketkv"].kl, rows["minference"].kl, "the same prefill, and room for every token");
});

Deno.test("a quantised cache is measured against one that is not", async () => {
  using model = tinyGgufFile();
  const args = ["-p", PROMPT, "-n", "6", "--method", "full"];
  const [fine, coarse] = [
    await measure(model.path, ...args, "--kv-type", "int8"),
    await measure(model.path, ...args, "--kv-type", "int2"),
  ];
  assert(coarse.rows["full"].kl > fine.rows["full"].kl, `${coarse.rows["full"].kl} and ${fine.rows["full"].kl}`);
  assert(coarse.rows["full"].kv_bytes < fine.rows["full"].kv_bytes);
});

/** What cannot be measured, the exit code, and the one line that is said about it. */
const REFUSALS: readonly (readonly [what: string, args: string[], code: number, line: RegExp])[] = [
  ["an unknown method", ["-p", "x", "--method", "snapkw"], 2, /did you mean "snapkv"\?/],
  ["a budget of none", ["-p", "x", "--budget", "0"], 2, /^Cannot use --budget "0": it must be an integer >= 1/],
  ["no steps", ["-p", "x", "-n", "0"], 2, /^Cannot use --steps as it must be an integer >= 1: current value is "0"$/],
  ["a missing file", ["-f", "/no/such/file"], 1, /^Cannot read the prompt: no file \/no\/such\/file$/],
  ["an empty prompt", ["-p", ""], 1, /^Cannot run the prompt: expected at least one character, found none$/],
  [
    "a text that is too short",
    ["-p", PROMPT, "--context", "200", "--samples", "2"],
    1,
    /^Cannot cut 2 prompts of 200 tokens: expected a text of at least 398 tokens, found 360$/,
  ],
  ["samples of a whole text", ["-p", PROMPT, "--samples", "2"], 2, /^Cannot use --samples without --context/],
  ["a continuation from stdin", ["-p", PROMPT, "--continuation", "-"], 2, /^Cannot use --continuation -: expected a/],
  [
    "a prompt that is longer than the context",
    ["-p", PROMPT, "-n", "4000"],
    1,
    /^Cannot run the prompt: the model was made for 4096 tokens, found/,
  ],
  [
    "single drops from a quantised cache",
    ["-p", PROMPT, "--kv-type", "int4", "--method", "streaming"],
    2,
    /^Cannot use --kv-type int4 with streaming/,
  ],
];

for (const [what, args, code, line] of REFUSALS) {
  Deno.test(`fidelity refuses ${what} in one line`, async () => {
    using model = tinyGgufFile();
    const outcome = await rocketkv(["fidelity", "-m", model.path, ...args]);
    assert.deepEqual([outcome.code, outcome.stdout, outcome.stderr.split("\n").length], [code, "", 2], outcome.stderr);
    assert.match(outcome.stderr.trimEnd(), line);
  });
}

Deno.test("Ctrl-C ends a measurement cleanly, in the prefill and in the steps", async () => {
  using model = tinyGgufFile({ dim: 256, hiddenDim: 512, layers: 4 });
  const text = `${model.folder}/text.txt`;
  Deno.writeTextFileSync(text, PROMPT.repeat(60));
  for (const args of [["--context", "20000"], ["--context", "64", "-n", "1000000"]]) {
    const child = spawn(["fidelity", "-m", model.path, "-f", text, "--allow-long", ...args]);
    await child.stdin.close();
    await listening(child.pid);
    await new Promise((resolve) => setTimeout(resolve, 300)); // well inside, unless the machine is slow
    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.output();
    assert.deepEqual([code, new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)], [
      130,
      "",
      "Stopped\n",
    ]);
  }
});

/** Wait until the launcher has become Deno, and that catches Ctrl-C itself. */
async function listening(pid: number): Promise<void> {
  const status = () => Deno.readTextFileSync(`/proc/${pid}/status`);
  const catches = (text: string) => (BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(text)![1]}`) & 2n) !== 0n;
  while (!/^Name:\s*deno$/m.test(status()) || !catches(status())) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
