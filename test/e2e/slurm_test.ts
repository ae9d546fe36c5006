/** `sweep --executor slurm` on a real Slurm: an array of shards, one of them cancelled, gives the files of a local run. */
import assert from "node:assert/strict";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { type Slurm, slurmMissing, startSlurm } from "../support/slurm.ts";
import { rocketkv } from "./cli_process.ts";

const missing = await slurmMissing();
if (missing !== null) console.log(`skipped: no Slurm here: ${missing}`);

const GRID = ["--task", "niah", "--task-option", "raw=true", "--task-option", "depths=linear:3"];
const AXES = ["--length", "1024", "--samples", "9", "--method", "snapkv", "--budget", "64"];

interface Shard {
  readonly index: number;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly task: { readonly job: string } | null;
}

async function run(slurm: Slurm, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await rocketkv(args, { env: { ...slurm.env } });
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function statusOf(slurm: Slurm, folder: string): Promise<{ shards: Shard[]; resubmit: string | null }> {
  return JSON.parse(await run(slurm, "status", folder, "--json")).slurm;
}

/** What was merged, by cell. */
function merged(folder: string): Record<string, string> {
  const cells = [...Deno.readDirSync(`${folder}/cells`)].map(({ name }) => name).toSorted();
  return Object.fromEntries(
    cells.map((cell) => [cell, Deno.readTextFileSync(`${folder}/cells/${cell}/predictions.jsonl`)]),
  );
}

Deno.test({
  name: "an array of shards, of which one is cancelled and handed in again, gives the files of a local run",
  ignore: missing !== null,
  fn: async (t) => {
    await using slurm = await startSlurm();
    const base = Deno.makeTempDirSync({ prefix: "rocketkv it's slurm-" }); // spaces and quotes reach every script
    using _base = { [Symbol.dispose]: () => Deno.removeSync(base, { recursive: true }) };
    makeNeedleModel(`${base}/needle`);
    const grid = [...GRID, ...AXES, "--model", `${base}/needle`];
    const local = `${base}/local`, folder = `${base}/on slurm`;
    await run(slurm, "sweep", ...grid, "--out", local);
    await run(slurm, "merge", local);
    const submit = [
      "sweep",
      ...grid,
      "--out",
      folder,
      "--executor",
      "slurm",
      "--array-tasks",
      "3",
      "--array-running",
      "1",
    ];

    await t.step("--emit writes the scripts and hands nothing in", async () => {
      const said = await run(slurm, ...submit, "--emit");
      assert.equal(said, `${folder}/slurm/job.sh\n${folder}/slurm/finish.sh\n`);
      assert.equal(await slurm.run("squeue", "--noheader"), "");
      const { shards, resubmit } = await statusOf(slurm, folder);
      assert.deepEqual(shards.map(({ state }) => state), ["missing", "missing", "missing"]);
      assert.match(resubmit!, /^job=\$\(sbatch --parsable --array=1-3 /);
    });

    let cancelled: Shard | undefined;
    await t.step("tasks wait and run, and one that is cancelled finishes its sample", async () => {
      assert.match(await run(slurm, ...submit), /: job 1 runs shards 1-3 of 3, job 2 merges and reports: /);
      const again = await rocketkv(submit, { env: { ...slurm.env } });
      assert.equal(again.code, 1);
      assert.match(
        again.stderr,
        /expected (none of its jobs in the queue, found 1 2: scancel 1 2|shards of one number)/,
      );
      while (cancelled === undefined) {
        const { shards, resubmit } = await statusOf(slurm, folder);
        assert.equal(resubmit, null);
        cancelled = shards.find(({ state, done, total }) => state === "running" && done > 0 && done < total);
        if (cancelled === undefined) assert(shards.some(({ state }) => state !== "done"), "none was caught at work");
      }
      assert(cancelled.task!.job.startsWith("1_"), cancelled.task!.job);
      await slurm.run("scancel", cancelled.task!.job);
      await slurm.drained();
    });

    await t.step("what is missing is said, with the line that hands it in", async () => {
      const { shards, resubmit } = await statusOf(slurm, folder);
      const found = shards.find(({ index }) => index === cancelled!.index)!;
      assert.equal(found.state, "missing");
      assert(found.done >= cancelled!.done && found.done < found.total, `${found.done} of ${found.total}`);
      assert.deepEqual(shards.filter((shard) => shard !== found).map(({ state }) => state), ["done", "done"]);
      const text = await run(slurm, "status", folder);
      assert(text.includes(`Slurm: 2 of 3 shards done`) && text.includes(`To go on: ${resubmit}`), text);
      const shell = new Deno.Command("sh", { args: ["-c", resubmit!], env: slurm.env, stdout: "null" });
      assert.equal((await shell.output()).code, 0);
      await slurm.drained();
    });

    await t.step("the result is that of the local run, byte for byte, and is reported", async () => {
      assert.deepEqual(merged(folder), merged(local));
      const { shards, resubmit } = await statusOf(slurm, folder);
      assert.deepEqual([shards.map(({ state }) => state), resubmit], [["done", "done", "done"], null]);
      assert(Deno.statSync(`${folder}/report.html`).isFile);
      assert.match(await run(slurm, ...submit), /nothing is left to do/);
    });
  },
});

Deno.test("without Slurm's programs the command says so in one line, and keeps the scripts", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-slurm-" });
  try {
    makeNeedleModel(`${folder}/needle`);
    const args = [
      "sweep",
      ...GRID,
      "--length",
      "400",
      "--samples",
      "1",
      "--method",
      "full",
      "--model",
      `${folder}/needle`,
    ];
    const outcome = await rocketkv([...args, "--out", `${folder}/run`, "--executor", "slurm"], {
      env: { PATH: "/none" },
    });
    assert.deepEqual(outcome, {
      code: 1,
      stdout: "",
      stderr: "Cannot run squeue: expected Slurm's programs on PATH: --emit only writes the scripts\n",
    });
    assert(Deno.statSync(`${folder}/run/slurm/job.sh`).isFile);
    const shard = await rocketkv([...args, "--out", `${folder}/run`, "--executor", "slurm", "--shard", "1/2"]);
    assert.equal(shard.code, 2);
    assert.match(shard.stderr, /^Cannot use --shard with --executor slurm/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
