/** The one-file program as people use it, from another folder and without anything in its environment. */
import assert from "node:assert/strict";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { dataFolder } from "../support/data_folder.ts";
import { rocketkv, tinyGgufFile } from "../e2e/cli_process.ts";
import { CHECKOUT, emptyFolder, namesIn, PROGRAM, run, spawn, UNPACKED, UNPACKED_FOLDER } from "./program.ts";

const packed = (args: readonly string[], options: { stdin?: string; cwd?: string } = {}) =>
  run(args, { env: UNPACKED, ...options });

Deno.test("generate says what the checkout says", async () => {
  using model = tinyGgufFile();
  const args = ["generate", "-m", model.path, "-p", "once upon a time", "-n", "12", "--budget", "32"];
  const outcome = await packed(args);
  assert.deepEqual([outcome.code, outcome.stderr], [0, ""]);
  assert.deepEqual(outcome, await rocketkv(args));
});

Deno.test("chat answers lines of stdin, and saves where it is told to", async () => {
  using model = tinyGgufFile();
  using folder = emptyFolder();
  const args = ["chat", "-m", model.path, "-n", "6"];
  const stdin = "hello\nand now?\n/save talk.json\n";
  const { code, stdout, stderr } = await packed(args, { stdin, cwd: folder.path });
  assert.deepEqual([code, stderr], [0, "Saved 4 messages to talk.json\n"]);
  assert.equal(stdout, (await rocketkv(args, { stdin: "hello\nand now?\n" })).stdout);
  assert.equal(namesIn(folder.path).length, 2);
});

Deno.test("Ctrl-C reaches the command, and its exit code comes back", async () => {
  using model = tinyGgufFile();
  const child = spawn(["chat", "-m", model.path], { env: UNPACKED });
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("/help\n"));
  const reader = child.stderr.getReader();
  await reader.read();
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  await child.stdout.cancel();
  assert.equal((await child.status).code, 130);
  await writer.close().catch(() => {}); // its reader is gone
});

Deno.test("niah finds needles in a small grid, and writes a run folder with its charts", async () => {
  using folder = emptyFolder();
  makeNeedleModel(`${folder.path}/needle`);
  const grid = ["--length", "512", "--depth", "0,50,100", "--method", "full,rocketkv", "--budget", "128"];
  const args = ["niah", "-m", "needle", ...grid, "--out", "found"];
  const { code, stdout, stderr } = await packed(args, { cwd: folder.path });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /rocketkv/);
  assert(Deno.statSync(`${folder.path}/found/manifest.json`).isFile);
  const plots = namesIn(`${folder.path}/found/plots`);
  assert(plots.some((name) => name.endsWith(".png")) && plots.some((name) => name.endsWith(".svg")), plots.join(" "));
});

Deno.test("longbench reads parquet, cuts Chinese into words, and is scored again and reported", async () => {
  await using data = await dataFolder();
  makeNeedleModel(`${data.path}/needle`);
  const record = {
    input: "谁？",
    context: "面包师叫王小明。".repeat(9),
    answers: ["王小明"],
    length: 70,
    all_classes: null,
  };
  await data.parquet("multifieldqa_zh.parquet", [record]);
  const arms = ["--method", "rocketkv", "--budget", "128", "--out", "found"];
  const args = ["longbench", "-m", "needle", "--data", ".", "--task", "multifieldqa_zh", ...arms];
  for (const words of [args, ["rescore", "found"], ["report", "found"]]) {
    const { code, stderr } = await packed(words, { cwd: data.path });
    assert.equal(code, 0, `${words[0]}: ${stderr}`);
  }
  assert(Deno.statSync(`${data.path}/found/report.html`).isFile);
});

Deno.test("a study asks the server that another process of the program is", async () => {
  using folder = emptyFolder();
  makeNeedleModel(`${folder.path}/needle`);
  const server = spawn(["serve", "-m", "needle", "--port", "0", "--budget", "128"], {
    env: UNPACKED,
    cwd: folder.path,
  });
  const reader = server.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.endsWith("\n")) said += (await reader.read()).value;
  const [url] = said.match(/http:\S+(?=: )/)!;
  const study = ["niah", "-m", "needle", "--tokenizer", "needle", "--length", "512", "--depth", "50", "--samples", "1"];
  const { code, stdout, stderr } = await packed([...study, "--endpoint", url, "--out", "found"], { cwd: folder.path });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /full +1 +100/);
  server.kill("SIGTERM");
  assert.equal((await server.status).code, 0);
  await Promise.all([reader.cancel(), server.stdout.cancel(), server.stdin.close()]);
});

Deno.test("analyze writes charts, and nothing beside them", async () => {
  using model = tinyGgufFile();
  using folder = emptyFolder();
  const args = ["analyze", "-m", model.path, "--raw", "-p", "x".repeat(200), "-n", "2", "--method", "snapkv"];
  const { code, stderr } = await packed([...args, "--budget", "48", "--out", "charts"], { cwd: folder.path });
  assert.equal(code, 0, stderr);
  assert.deepEqual(namesIn(folder.path), ["charts"]);
  const png = Deno.readFileSync(`${folder.path}/charts/mass.png`);
  assert.deepEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
});

Deno.test("doctor finds nothing broken", async () => {
  const { code, stdout, stderr } = await packed(["doctor", "--json"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const { healthy, findings } = JSON.parse(stdout);
  assert.equal(healthy, true);
  const library = findings.find(({ name }: { name: string }) => name === "library");
  assert(library.found.startsWith(UNPACKED_FOLDER), library.found);
});

Deno.test("doctor says how much other versions take, and how to be rid of them", async () => {
  using folder = emptyFolder();
  const place = `${folder.path}/program`;
  const findings = async () => {
    const { stdout } = await run(["doctor", "--json"], { env: { ROCKETKV_CACHE: place } });
    return JSON.parse(stdout).findings.find(({ name }: { name: string }) => name === "program");
  };
  const [key] = UNPACKED_FOLDER.split("/").slice(-1);
  assert.deepEqual(await findings(), { name: "program", state: "ok", found: `unpacked in ${place}/${key}` });
  for (const [name, path] of [["0".repeat(32), "deno_dir/a"], [`${"1".repeat(32)}.tmp`, "deno"], ["mine", "b"]]) {
    const file = `${place}/${name}/${path}`;
    Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    Deno.writeFileSync(file, new Uint8Array(2 ** 20));
  }
  assert.deepEqual(await findings(), {
    name: "program",
    state: "note",
    found: `2 other versions in ${place}, 2 MiB`,
    advice: `Remove ${place} while none of them runs: the next start unpacks what it needs`,
  });
});

const MISTAKES: readonly (readonly [args: readonly string[], code: number, line: RegExp])[] = [
  [["generat"], 2, /unknown command 'generat': did you mean generate\?/],
  [["generate", "-p", "x", "-n", "0"], 2, /^Cannot use --new-tokens/],
  [["generate", "-p", "x", "-m", "/no/such.gguf"], 1, /^Cannot find model \/no\/such.gguf/],
  [["analyze", "-p", "x", "--out", "a,b"], 2, /^Cannot write to "a,b": expected a path without commas$/],
];
for (const [args, code, line] of MISTAKES) {
  Deno.test(`rocketkv ${args.join(" ")} says in one line what is wrong`, async () => {
    const outcome = await packed(args);
    assert.deepEqual([outcome.code, outcome.stdout], [code, ""]);
    assert.match(outcome.stderr.trimEnd(), line);
    assert.equal(outcome.stderr.indexOf("\n"), outcome.stderr.length - 1, outcome.stderr);
  });
}

Deno.test("the program can be called through a link", async () => {
  using folder = emptyFolder();
  Deno.symlinkSync(PROGRAM, `${folder.path}/rkv`);
  const { code, stdout } = await run(["--version"], { program: `${folder.path}/rkv`, env: UNPACKED });
  assert.deepEqual([code, stdout], [0, (await packed(["--version"])).stdout]);
});

Deno.test("--version says what the checkout says", async () => {
  assert.deepEqual(await packed(["--version"]), await rocketkv(["--version"]));
});

Deno.test("later starts are at most 120 ms slower than those of the checkout", async () => {
  const times = { packed: [] as number[], checkout: [] as number[] };
  for (let round = 0; round < 7; round++) {
    for (const [name, program] of [["packed", PROGRAM], ["checkout", `${CHECKOUT}build/rocketkv`]] as const) {
      const start = performance.now();
      await run(["--version"], { program, env: UNPACKED });
      times[name].push(performance.now() - start);
    }
  }
  // The quickest start of each, as other work on the machine only ever adds to it.
  const slower = Math.min(...times.packed) - Math.min(...times.checkout);
  assert(slower <= 120, `${slower} ms`);
});
