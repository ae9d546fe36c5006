/** `rocketkv sweep` as people and schedulers treat it: killed at any moment, stopped, sharded, changed, run twice. */
import assert from "node:assert/strict";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { predictionFiles } from "../support/study.ts";
import { LAUNCHER, type Outcome, rocketkv, spawn } from "./cli_process.ts";

interface Place extends Disposable {
  readonly folder: string;
  /** A study of 18 samples, of which each takes some tens of milliseconds. */
  readonly args: (out: string, ...more: string[]) => string[];
}

function place(): Place {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-sweep-" });
  makeNeedleModel(`${folder}/needle`);
  Deno.writeTextFileSync(
    `${folder}/grid.yaml`,
    `models: ${folder}/needle
methods: [rocketkv, streaming]
budgets: [64]
tasks:
  - {name: niah, options: {depths: [10, 90]}}
  - {name: fidelity, options: {steps: 4}, samples: 2}
lengths: [512, 768]
samples: 4
`,
  );
  return {
    folder,
    args: (
      out,
      ...more
    ) => ["sweep", "--grid", `${folder}/grid.yaml`, "--device", "cpu", "-o", `${folder}/${out}`, ...more],
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

/** Predictions as merge leaves them. */
async function merged(path: string): Promise<Record<string, string>> {
  const { code, stderr } = await rocketkv(["merge", path]);
  assert.equal(code, 0, stderr);
  return predictionFiles(path);
}

const lines = (path: string) => {
  try {
    return Object.values(predictionFiles(path, /predictions\..*jsonl$/)).join("").split("\n").length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
};

/** Start a study and do something to its process once it has written so many predictions. */
async function interrupted(
  args: string[],
  path: string,
  { after, signal }: { after: number; signal: Deno.Signal },
): Promise<Outcome> {
  const child = spawn(args);
  await child.stdin.close();
  const ended = child.output();
  const isOver = ended.then(() => true);
  while (lines(path) < after) {
    if (await Promise.race([isOver, new Promise<false>((resolve) => setTimeout(() => resolve(false), 2))])) break;
  }
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it was done before
  }
  const { code, stdout, stderr } = await ended;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

const ALL = 3 * (2 * 4 * 2 + 2 * 2); // arms by samples

Deno.test("a study that is killed at any moment and resumed gives the bytes of one that was not", async () => {
  using here = place();
  const calm = `${here.folder}/calm`, rough = `${here.folder}/rough`;
  assert.equal((await rocketkv(here.args("calm"))).code, 0);
  const wanted = await merged(calm);
  assert.equal(Object.keys(wanted).length, 3 * 4, "cells");

  let kills = 0;
  for (const after of [0, 1, 8, 20, 37, 50]) {
    const { code } = await interrupted(here.args("rough"), rough, { after, signal: "SIGKILL" });
    assert(code === 137 || code === 0, `${code}`);
    if (code === 137) kills++;
  }
  assert(kills >= 3, `${kills} kills`);
  const { code, stderr } = await rocketkv(here.args("rough"));
  assert.equal(code, 0, stderr);
  assert.equal(lines(rough), ALL, "no sample twice");
  assert.deepEqual(await merged(rough), wanted);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`a study that gets ${signal} finishes its sample, ends with 75, and goes on`, async () => {
    using here = place();
    const path = `${here.folder}/run`;
    const { code, stdout, stderr } = await interrupted(here.args("run"), path, { after: 4, signal });
    assert.equal(code, 75, stderr);
    assert.equal(stderr, `Stopped: the same command goes on in ${path}\n`);
    assert.match(stdout, /streaming 64/);
    const before = lines(path);
    assert(before >= 4 && before < ALL, `${before}`);
    assert.equal(before % 3, 0, "all arms of a sample");
    for (const text of Object.values(predictionFiles(path, /jsonl$/))) assert(text.endsWith("\n"));

    const status = await rocketkv(["status", path]);
    assert.match(status.stdout, new RegExp(`: ${before} of ${ALL} samples done .* ${ALL - before} missing`));
    assert.match(status.stdout, /To go on: run the same command again/);
    assert.equal((await rocketkv(here.args("run"))).code, 0);
    assert.equal(lines(path), ALL);
    assert.match((await rocketkv(["status", path])).stdout, new RegExp(`: ${ALL} of ${ALL} samples done \\(100.0%\\)`));
  });
}

Deno.test("seven shards, two of them at a time, merge to the bytes of one", async () => {
  using here = place();
  assert.equal((await rocketkv(here.args("whole"))).code, 0);
  const shard = (i: number) => rocketkv(here.args("parts", "--shard", `${i}/7`));
  for (const pair of [[1, 2], [3, 4], [5, 6], [7]]) {
    for (const { code, stderr } of await Promise.all(pair.map(shard))) assert.equal(code, 0, stderr);
  }
  assert.deepEqual(await merged(`${here.folder}/parts`), await merged(`${here.folder}/whole`));
});

Deno.test("two processes on one folder are refused, and so are shards of another number", async () => {
  using here = place();
  const path = `${here.folder}/run`;
  const child = spawn(here.args("run"));
  await child.stdin.close();
  const ended = child.output();
  while (lines(path) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill("SIGSTOP");
  const same = await rocketkv(here.args("run"));
  const other = await rocketkv(here.args("run", "--shard", "1/2"));
  const status = await rocketkv(["status", path]);
  child.kill("SIGCONT");
  assert.equal(same.code, 1);
  const who = `process ${child.pid} on \\S+ since \\S+ works on shard 1/1`;
  assert.match(same.stderr, new RegExp(`^Cannot run in ${path}: expected nobody at work on shard 1/1: ${who}\n$`));
  assert.match(other.stderr, new RegExp(`: expected shards of one number at a time, wanted 1/2: ${who}\n$`));
  assert.match(status.stdout, new RegExp(`Running: shard 1/1, process ${child.pid} on `));
  assert.equal((await ended).code, 0);
});

Deno.test("a changed grid is refused with its fields, extended on request, or put in place of the old one", async () => {
  using here = place();
  const path = `${here.folder}/run`;
  assert.equal((await rocketkv(here.args("run", "--samples", "1"))).code, 0);
  const before = lines(path);
  const refused = await rocketkv(here.args("run", "--samples", "2"));
  assert.equal(refused.code, 1);
  assert.equal(
    refused.stderr,
    `Cannot go on in ${path}: it has another configuration: grid.samples: wanted 2, found 1: ` +
      "--extend adds to it, --force-new sets it aside\n",
  );
  const extended = await rocketkv(here.args("run", "--samples", "2", "--extend"));
  assert.equal(extended.code, 0, extended.stderr);
  assert.equal(lines(path), 2 * before);
  assert.equal((await rocketkv(here.args("run", "--samples", "1", "--force-new"))).code, 0);
  assert.equal(lines(path), before);
  assert.equal(lines(`${path}/old-1`), 2 * before);
});

Deno.test("a full disk stops a study with one line, and it goes on when there is room", async () => {
  using here = place();
  const path = `${here.folder}/run`;
  await interrupted(here.args("run"), path, { after: 1, signal: "SIGKILL" });
  // Files of at most 8 blocks of 512 bytes: what the system says then, it says of full disks, too.
  const limited = new Deno.Command("sh", {
    args: ["-c", `trap "" XFSZ; ulimit -f 8; exec "$0" "$@"`, LAUNCHER, ...here.args("run")],
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stderr } = await limited.output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stderr), /^Cannot write \S+: [^\n]+ \(os error 27\)\n$/);
  const there = lines(path);
  for (const text of Object.values(predictionFiles(path, /predictions\..*jsonl$/))) {
    assert(text === "" || text.endsWith("\n"), "only whole lines");
  }
  assert.equal((await rocketkv(here.args("run"))).code, 0);
  assert(there < ALL);
  assert.equal(lines(path), ALL);
});

Deno.test("samples that cannot be made end the study with 3, after all others", async () => {
  using here = place();
  const path = `${here.folder}/run`;
  const args = ["sweep", "-m", `${here.folder}/needle`, "--task", "niah,ruler/vt", "--length", "600", "--samples", "1"];
  const outcome = await rocketkv([...args, "--method", "streaming", "--budget", "64", "-o", path, "--device", "cpu"]);
  assert.equal(outcome.code, 3);
  assert.match(
    outcome.stderr,
    /^Cannot answer 2 samples of \S+; the first says: Cannot make a prompt of ruler\/vt in 600/,
  );
  assert.equal(lines(path), 2 * 11);
  assert.match((await rocketkv(["status", path])).stdout, /22 of 24 samples done \(91\.7%\), 2 failed, 0 missing/);
});

Deno.test("a dry run says what there is to do, and writes nothing", async () => {
  using here = place();
  const { code, stdout } = await rocketkv(here.args("run", "--dry-run", "--show", "1", "--json"));
  assert.equal(code, 0);
  const { cells, models: [model] } = JSON.parse(stdout);
  assert.equal(cells, 3 * 4);
  assert.equal(model.samples, ALL / 3);
  assert.equal(model.answers, ALL);
  assert.equal(model.prompts.length, 1);
  const [{ prompt_tokens: tokens, new_tokens: room, fill }] = model.prompts;
  assert(tokens + room <= 512 && fill === (tokens + room) / 512 && fill > 0.95);
  assert.deepEqual(model.underfilled, []);
  // Needles at two depths share what is in front of the first one.
  assert(model.prefill_tokens > 10 * 400 && model.prefill_tokens < 10 * 512 + 10 * 768, `${model.prefill_tokens}`);
  assert(model.seconds > 0 && model.speeds_from.startsWith("as measured just now"));
  assert(model.memory.cache_bytes > 0);
  const assumed = await rocketkv(here.args("run", "--dry-run", "--assume-prefill", "1000", "--assume-decode", "10"));
  assert.match(assumed.stdout, /at 1,000 and 10 tokens\/s, as assumed/);
  assert.throws(() => Deno.statSync(`${here.folder}/run`), Deno.errors.NotFound);
});

Deno.test("what cannot be a study is refused before anything runs", async () => {
  using here = place();
  const refused = async (code: number, message: string | RegExp, ...args: string[]) => {
    const outcome = await rocketkv(["sweep", ...args]);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.equal(outcome.stdout, "");
    if (typeof message === "string") assert.equal(outcome.stderr, message + "\n");
    else assert.match(outcome.stderr, message);
  };
  await refused(2, "Cannot sweep without tasks: pass --task niah, --preset smoke, or --grid and a file");
  await refused(2, /^Cannot use --preset as it must be one of smoke, /, "--preset", "smok");
  await refused(2, "Cannot read the grid: no file /nowhere.yaml", "--grid", "/nowhere.yaml");
  Deno.writeTextFileSync(`${here.folder}/bad.yaml`, "tasks: niah\nbudget: 3\n");
  const where = `Cannot use ${here.folder}/bad.yaml, line 2: unknown field "budget": did you mean "budgets"?`;
  await refused(2, where, "--grid", `${here.folder}/bad.yaml`);
  const needle = ["-m", `${here.folder}/needle`, "--task", "niah", "--device", "cpu"];
  await refused(2, /^Cannot use --shard "3\/2": it must be i\/n/, ...needle, "--shard", "3/2");
  const inFile = `${here.folder}/grid.yaml/run`;
  await refused(
    1,
    `Cannot write ${inFile}/locks: Not a directory (os error 20): mkdir '${inFile}/locks'`,
    ...needle,
    "-o",
    inFile,
  );
});

Deno.test("--print-grid prints a grid that runs as the flags would", async () => {
  using here = place();
  const printed = await rocketkv(["sweep", "--preset", "smoke", "--samples", "2", "--print-grid"]);
  Deno.writeTextFileSync(`${here.folder}/smoke.yaml`, printed.stdout);
  const again = await rocketkv(["sweep", "--grid", `${here.folder}/smoke.yaml`, "--print-grid"]);
  assert.equal(again.stdout, printed.stdout);
  assert.match(printed.stdout, /^models:\n {2}- smollm2\n/);
});
