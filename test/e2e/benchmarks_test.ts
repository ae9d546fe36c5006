/** `rocketkv longbench`, `scbench` and `data` as people run them, on a model that copies what followed the same 16 letters. */
import assert from "node:assert/strict";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { type DataFolder, dataFolder } from "../support/data_folder.ts";
import { rocketkv } from "./cli_process.ts";

/** Places with their bakers: a question names a place, in words that stand in front of its baker's name. */
const PLACES = ["Tromso", "Lisbon", "Nairobi", "Quito", "Hanoi", "Riga", "Osaka", "Cardiff"];
const BAKERS = ["Bauer", "Castro", "Njoroge", "Vega", "Nguyen", "Ozols", "Sato", "Evans"];
const asked = (i: number) => `Who is the baker of ${PLACES[i]}?\nThe baker of ${PLACES[i]} is called`;
const CONTEXT = PLACES.map((_, i) => `${asked(i)} ${BAKERS[i]}.\n`).join("\n") +
  "\nNothing else is known.\n".repeat(20);

const SESSIONS = [0, 1].map((s) => ({
  id: s,
  context: CONTEXT,
  multi_turns: [s, s + 3, s + 6].map((i) => ({ input: asked(i), answer: ` ${BAKERS[i]}.` })),
}));

interface Row {
  task: string;
  arm: string;
  n: number;
  score: number;
  missing: number;
}

/** @returns Rows by arm, and the lines that were written. */
async function run(folder: DataFolder, out: string, args: readonly string[]) {
  const env = { ROCKETKV_HOME: `${folder.path}/home` };
  const { code, stdout, stderr } = await rocketkv([
    ...[
      ...args,
      "-m",
      `${folder.path}/model`,
      "--method",
      "streaming,rocketkv-mt",
      "--budget",
      "256",
      "--set",
      "decode_tail=1",
    ],
    ...["--device", "cpu", "--threads", "2", "--kv-type", "f32", "--json", "--out", `${folder.path}/${out}`],
  ], { env });
  assert.equal(code, 0, stderr);
  const rows: Row[] = JSON.parse(stdout).cells;
  const lines: Prediction[] = [];
  for await (const { name } of Deno.readDir(`${folder.path}/${out}/cells`)) {
    const text = await Deno.readTextFile(`${folder.path}/${out}/cells/${name}/predictions.1-of-1.jsonl`);
    lines.push(...text.trimEnd().split("\n").map((line) => JSON.parse(line)));
  }
  return { rows: new Map(rows.map((row) => [row.arm.split(" ")[0]!, row])), lines };
}

async function withModel(): Promise<DataFolder> {
  const folder = await dataFolder();
  makeNeedleModel(`${folder.path}/model`);
  return folder;
}

Deno.test("scbench: golden turns and separate requests are answered from one context, by caches that still have it", async () => {
  await using folder = await withModel();
  await folder.jsonl("scb/scbench_kv.jsonl", SESSIONS);
  const prompts: number[][] = [];
  for (const mode of ["multi-turn", "multi-request"]) {
    const args = ["scbench", "--data", `${folder.path}/scb`, "--task", "kv", "--mode", mode, "--turns", "2"];
    const { rows, lines } = await run(folder, mode, args);
    assert.deepEqual(
      [...rows.values()].map(({ n, missing, task }) => [n, missing, task]),
      [4, 4, 4].map((n) => [n, 0, "scbench/kv"]),
    );
    assert.deepEqual(["full", "rocketkv-mt", "streaming"].map((arm) => rows.get(arm)!.score), [100, 100, 0], mode);
    const full = lines.filter(({ scores, cache }) => scores!.score === 1 && cache!.measuredBudget > 500);
    assert.deepEqual(full.map(({ sample, turn }) => `${sample}.${turn}`).toSorted(), ["0.0", "0.1", "1.0", "1.1"]);
    prompts.push([0, 1].map((turn) => full.find((line) => line.sample === "0" && line.turn === turn)!.promptTokens));
  }
  const [[first, second], requests] = prompts as [[number, number], [number, number]];
  const added = asked(3).length + SESSIONS[0]!.multi_turns[0]!.answer.length;
  assert(second >= first + added, "a turn follows the answer of the one before");
  assert.equal(requests[1] - requests[0], asked(3).length - asked(0).length, "a request follows the context");
});

Deno.test("longbench: imported data is found, and runs with the benchmark's own prompts", async () => {
  await using folder = await withModel();
  const record = (i: number, more = {}) => ({
    ...{
      context: CONTEXT,
      input: asked(i),
      answers: [BAKERS[i]],
      length: 300,
      dataset: "triviaqa",
      all_classes: null,
      _id: `${i}`,
    },
    ...more,
  });
  await folder.parquet("lb/triviaqa/test-00000-of-00001.parquet", [0, 2, 4].map((i) => record(i)));
  const env = { ROCKETKV_HOME: `${folder.path}/home` };
  const data = (...args: string[]) => rocketkv(["data", ...args], { env });

  const before = await rocketkv(["longbench", "--task", "triviaqa", "-m", `${folder.path}/model`], { env });
  assert.equal(before.code, 2);
  assert.match(
    before.stderr,
    /^Cannot find longbench\/triviaqa: expected --data <folder> with triviaqa\.jsonl of .*THUDM\/LongBench, or "rocketkv data import longbench <folder>" once, found neither\n$/,
  );

  assert.deepEqual((await data("verify")).stderr, "No data to verify\n");
  const imported = await data("import", "longbench", `${folder.path}/lb`);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match(imported.stderr, /^triviaqa: 3 records\n1 task of longbench is ready: .*home\/data\/longbench\n$/);
  assert.match((await data("list")).stdout, /longbench +triviaqa\.jsonl +3 /);

  await folder.write("p.json", { triviaqa: "Answer.\n\n{context}\n{input}" });
  const { rows, lines } = await run(folder, "run", [
    "longbench",
    "--task",
    "triviaqa",
    "--prompts",
    `${folder.path}/p.json`,
  ]);
  assert.deepEqual(["full", "rocketkv-mt", "streaming"].map((arm) => rows.get(arm)!.score), [100, 100, 0]);
  assert.equal(lines.length, 9);
  assert.deepEqual(new Set(lines.map(({ scoring }) => scoring.metric)), new Set(["qa_f1"]));

  assert.deepEqual(await data("verify", "longbench"), { code: 0, stdout: "longbench: whole\n", stderr: "" });
  await Deno.writeTextFile(`${folder.path}/home/data/longbench/triviaqa.jsonl`, "{}\n", { append: true });
  const damaged = await data("verify");
  assert.deepEqual([damaged.code, damaged.stdout], [1, "longbench: damaged: triviaqa.jsonl\n"]);
  assert.equal(damaged.stderr, "Cannot trust longbench: import again to repair\n");
});

Deno.test("data import refuses bad records before anything is kept, and keeps what was there", async () => {
  await using folder = await dataFolder();
  const env = { ROCKETKV_HOME: `${folder.path}/home` };
  const run = (...args: string[]) => rocketkv(["data", "import", ...args], { env });
  await folder.jsonl("good/scbench_kv.jsonl", SESSIONS);
  assert.equal((await run("scbench", `${folder.path}/good`)).code, 0);
  const manifest = await Deno.readTextFile(`${folder.path}/home/data/scbench/manifest.json`);
  await folder.jsonl("bad/scbench_kv.jsonl", [SESSIONS[1]]);
  await folder.jsonl("bad/scbench_vt.jsonl", [SESSIONS[0], { context: "c", multi_turns: [{ input: "q" }] }]);
  const bad = await run("scbench", `${folder.path}/bad`);
  assert.equal(bad.code, 2);
  assert.match(
    bad.stderr,
    /^Cannot use .*bad\/scbench_vt\.jsonl, line 2, multi_turns\[0\]: "answer" must be a text, a number, or a list of them: found undefined\n$/,
  );
  assert.equal(await Deno.readTextFile(`${folder.path}/home/data/scbench/manifest.json`), manifest);
  assert.deepEqual((await rocketkv(["data", "verify"], { env })).stdout, "scbench: whole\n");
  const none = await run("longbench", `${folder.path}/good`);
  assert.match(
    none.stderr,
    /^Cannot import longbench from .*: expected files such as narrativeqa\.jsonl, found none; they are in .*\n$/,
  );
  const unknown = await run("ruler", `${folder.path}/good`);
  assert.deepEqual([unknown.code, unknown.stderr], [
    2,
    'Cannot import "ruler": expected one of longbench, longbench-v2, scbench\n',
  ]);
  const few = await run("longbench");
  assert.deepEqual([few.code, few.stderr], [
    2,
    "Cannot import: expected a benchmark and a folder or file, found 1 name\n",
  ]);
});

Deno.test("data build writes what niah runs: the file's prompts are the same, and so are the answers", async () => {
  await using folder = await withModel();
  const env = { ROCKETKV_HOME: `${folder.path}/home` };
  const built = await rocketkv([
    ...["data", "build", "niah", "--option", "depths=[20,80]", "--length", "1200", "--samples", "2"],
    ...["-m", `${folder.path}/model`, "--out", `${folder.path}/built`],
  ], { env });
  assert.deepEqual([built.code, built.stderr], [0, ""]);
  const file = `${folder.path}/built/1200/niah/validation.jsonl`;
  assert.match(built.stdout, /^.*built\/1200\/niah\/validation\.jsonl: 4 samples, at most 1,\d\d\d tokens\n$/);
  const direct = await run(folder, "direct", ["niah", "--length", "1200", "--depth", "20,80", "--samples", "2"]);
  const read = await run(folder, "read", [
    "sweep",
    "--task",
    "file",
    "--task-option",
    `data=${file}`,
    "--samples",
    "2",
  ]);
  const answers = (lines: readonly Prediction[]) =>
    lines.map(({ sample, depth, prompt, answer, scores }) => JSON.stringify({ sample, depth, prompt, answer, scores }))
      .toSorted();
  assert.equal(direct.lines.length, 12);
  assert.deepEqual(answers(read.lines), answers(direct.lines));
  assert.equal(read.rows.get("full")!.score, 100);
});
