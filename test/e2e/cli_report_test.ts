/** `report`, `compare` and `rescore` as people run them, with the launcher's permissions. */
import assert from "node:assert/strict";
import { cellFolder } from "../../lib/sweep/folder/folder.ts";
import { ARMS, runOf } from "../support/run_data.ts";
import { writeRun } from "../support/run_folder.ts";
import { rocketkv } from "./cli_process.ts";

function temporaryFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

const [full, , ours, , snapkv] = ARMS;

Deno.test("report writes a page beside a run, says the verdict, and is quiet otherwise", async () => {
  using folder = temporaryFolder();
  const run = `${folder.path}/run`;
  await writeRun(run, runOf({ arms: [full!, ours!, snapkv!], done: 40 }));
  const { code, stdout, stderr } = await rocketkv(["report", `${run}/`]);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^ruler \(PARTIAL\): rocketkv at 256 tokens keeps .*\n {2}snapkv .* loses .* points \(p < 0\.001\)\.\n$/,
  );
  assert.match(stderr, /^PARTIAL: 60 samples of 6 cells without an answer so far/m);
  assert.match(stderr, new RegExp(`Wrote ${run}/report.html with tables and plots beside it`));
  assert.match(Deno.readTextFileSync(`${run}/report.html`), /PARTIAL/);
  const paper = await rocketkv(["report", run, "--markdown"]);
  assert.match(paper.stderr, new RegExp(`Wrote ${run}/tables/summary.md with tables and plots beside it\n$`));
});

Deno.test("report writes into --out what was asked for, of several runs, and prints one record", async () => {
  using folder = temporaryFolder();
  await writeRun(`${folder.path}/a`, runOf({ arms: [full!, ours!] }));
  await writeRun(`${folder.path}/b`, runOf({ arms: [full!, ours!], config: { moment: "query-agnostic" } }));
  const out = `${folder.path}/out`;
  const { code, stdout, stderr } = await rocketkv([
    ...["report", `${folder.path}/a`, `${folder.path}/b`, "--out", out],
    ...["--markdown", "--latex", "--json"],
  ]);
  assert.equal(code, 0, stderr);
  const { files, verdicts, partial } = JSON.parse(stdout);
  assert.equal(partial, false);
  assert.deepEqual(verdicts.map(({ name }: { name: string }) => name), ["ruler, query-aware", "ruler, query-agnostic"]);
  assert(
    files.includes("tables/summary.tex") && files.includes("plots/ruler_2_delta_by_task.png") &&
      !files.includes("report.html"),
  );
  for (const file of files) assert(Deno.statSync(`${out}/${file}`).size > 0);
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/a`)].map(({ name }) => name).toSorted(), [
    "cells",
    "manifest.json",
  ]);
});

Deno.test("report names the folder that is no run", async () => {
  using folder = temporaryFolder();
  const { code, stderr } = await rocketkv(["report", folder.path]);
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot read the run .*: expected a run folder with manifest\.json, found none there$/m);
});

Deno.test("compare shows fields and paired differences, and ends with 4 where scores fell for certain", async () => {
  using folder = temporaryFolder();
  const [a, b] = ["a", "b"].map((name) => `${folder.path}/${name}`) as [string, string];
  await writeRun(a, runOf({ arms: [full!, ours!] }));
  await writeRun(b, runOf({ arms: [full!, snapkv!] }));
  const shown = await rocketkv(["compare", a, b]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^method +rocketkv +snapkv$/m);
  assert.match(shown.stdout, /^rocketkv 256 +snapkv 256 +2 +100 +−\d/m);
  const failed = await rocketkv(["compare", a, b, "--fail-below", "5"]);
  assert.equal(failed.code, 4);
  assert.match(failed.stderr, /^Cannot accept .*\/b: it is worse than .*\/a: snapkv 256 by −.* points$/m);
  assert.equal((await rocketkv(["compare", b, a, "--fail-below", "0"])).code, 0);
  const { overall, arms } = JSON.parse((await rocketkv(["compare", a, b, "--json"])).stdout);
  assert.equal(arms.length, 1);
  assert(overall.value < -10 && overall.interval[1] < 0 && overall.p < 0.001);
});

Deno.test("compare refuses runs without a sample in common", async () => {
  using folder = temporaryFolder();
  await writeRun(`${folder.path}/a`, runOf({ arms: [ours!] }));
  await writeRun(`${folder.path}/b`, runOf({ arms: [ours!], config: { seed: 1 } }));
  const { code, stderr } = await rocketkv(["compare", `${folder.path}/a`, `${folder.path}/b`]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^Cannot compare the runs: expected samples that both have: they differ in seed, and no sample/m,
  );
});

Deno.test("rescore says how many scores changed, and makes another run for another scorer", async () => {
  using folder = temporaryFolder();
  const run = `${folder.path}/run`, data = runOf({ tasks: ["ruler/vt"], arms: [full!], samples: 4 });
  await writeRun(run, data);
  const file = `${cellFolder(run, data.cells[0]!.id)}/predictions.jsonl`, right = Deno.readTextFileSync(file);
  Deno.writeTextFileSync(file, right.replaceAll(/"scores":{"score":[01]}/g, '"scores":{"score":0.5}'));
  const { code, stdout, stderr } = await rocketkv(["rescore", run]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /: 4 of 4 answers in 1 cell have other scores$/m);
  assert.equal(Deno.readTextFileSync(file), right);
  const refused = await rocketkv(["rescore", run, "--scorer", "fixed"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /another scorer makes another run/);
  const other = await rocketkv(["rescore", run, "--scorer", "fixed", "--out", `${folder.path}/fixed`, "--json"]);
  assert.equal(other.code, 0, other.stderr);
  assert.deepEqual(JSON.parse(other.stdout), { run: `${folder.path}/fixed`, cells: 1, answers: 4, changed: 0 });
});
