/** Jobs for Slurm: scripts that a shell reads as they are meant, shards, states. `test/e2e/slurm_test.ts` runs them. */
import assert from "node:assert/strict";
import { writeManifest } from "../../lib/sweep/folder/folder.ts";
import type { Manifest } from "../../lib/sweep/folder/manifest.ts";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import type { RunSlurm } from "../../lib/sweep/slurm/programs.ts";
import {
  finishScript,
  jobName,
  jobScript,
  quote,
  type SlurmOptions,
  submitLine,
} from "../../lib/sweep/slurm/script.ts";
import { formatTasks, shardProgress, shardWork } from "../../lib/sweep/slurm/shards.ts";
import { slurmStatus } from "../../lib/sweep/slurm/status.ts";
import { readSubmissions, submitJobs, writeJobs } from "../../lib/sweep/slurm/submit.ts";
import { takes } from "../../lib/sweep/folder/shard.ts";

const OPTIONS: SlurmOptions = {
  tasks: 3,
  running: null,
  partition: null,
  time: null,
  gres: null,
  account: null,
  cpus: null,
  memory: null,
  more: [],
};
const CONTEXT = { folder: "/data/run", workingFolder: "/home/me", program: "/opt/rocketkv", args: [] };

/** What a shell makes of words. */
async function shellWords(text: string): Promise<string[]> {
  const args = ["-c", `for word in ${text}; do printf '%s\\0' "$word"; done`];
  const { stdout } = await new Deno.Command("sh", { args }).output();
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test("quoted words are one word each, and the same, for a shell", async () => {
  const words = ["plain", "/a b/c", "it's", 'say "hi"', "$HOME `id` \\ *", "", "ü;&|<>", "a\nb"];
  assert.deepEqual(await shellWords(words.map(quote).join(" ")), words);
});

Deno.test("options become directives, in quotes where sbatch needs them", () => {
  const script = jobScript(
    { ...CONTEXT, folder: '/data/100% "x"', workingFolder: "/home/my things" },
    {
      ...OPTIONS,
      running: 2,
      partition: "gpu",
      time: "1:00:00",
      gres: "gpu:1",
      cpus: 4,
      memory: "8G",
      more: ["--qos=low"],
    },
  );
  const directives = script.split("\n").filter((line) => line.startsWith("#SBATCH"));
  assert.deepEqual(directives, [
    `#SBATCH --job-name=${jobName('/data/100% "x"')}`,
    '#SBATCH --output="/data/100%% \\"x\\"/slurm/logs/%A_%a.log"',
    "#SBATCH --open-mode=append",
    '#SBATCH --chdir="/home/my things"',
    "#SBATCH --partition=gpu",
    "#SBATCH --qos=low",
    "#SBATCH --array=1-3%2",
    "#SBATCH --signal=B:USR1@120",
    "#SBATCH --requeue",
    "#SBATCH --time=1:00:00",
    "#SBATCH --gres=gpu:1",
    "#SBATCH --cpus-per-task=4",
    "#SBATCH --mem=8G",
  ]);
  assert(script.includes(`/opt/rocketkv sweep --grid '/data/100% "x"/slurm/grid.yaml' --out '/data/100% "x"' --shard`));
});

Deno.test("the job behind the array merges and reports", () => {
  const lines = finishScript(CONTEXT, { ...OPTIONS, partition: "cpu" }).split("\n");
  assert(lines.includes("/opt/rocketkv merge /data/run && /opt/rocketkv report /data/run"));
  assert(lines.includes("#SBATCH --output=/data/run/slurm/logs/%j_finish.log"));
  assert(!lines.some((line) => line.includes("--array")));
});

/** What the job script does with a program that sleeps until it is told to stop. */
for (
  const { signal, code, requeued } of [
    { signal: "USR1", code: 75, requeued: true },
    { signal: "TERM", code: 75, requeued: false },
    { signal: null, code: 3, requeued: false },
  ] as const
) {
  Deno.test(`a task that ends with ${code} after ${signal ?? "no signal"} is ${requeued ? "" : "not "}put back`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "rocketkv slurm-" });
    try {
      const write = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text, { mode: 0o755 });
      write("scontrol", `#!/bin/sh\necho "$@" > '${folder}/requeued'\n`);
      write(
        "program",
        `#!/bin/sh\necho "$@" > '${folder}/args'\ntrap 'exit 75' TERM\necho ready\n` +
          (signal === null ? "exit 3\n" : "while :; do sleep 0.02; done\n"),
      );
      write("job.sh", jobScript({ ...CONTEXT, folder: "/run dir", program: `${folder}/program` }, OPTIONS));
      const env = { PATH: `${folder}:${Deno.env.get("PATH")}`, SLURM_ARRAY_TASK_ID: "2", SLURM_JOB_ID: "41" };
      const child = new Deno.Command("sh", { args: [`${folder}/job.sh`], env, stdout: "piped" }).spawn();
      const reader = child.stdout.getReader();
      await reader.read();
      if (signal !== null) child.kill(`SIG${signal}`);
      assert.equal((await child.status).code, code);
      await reader.cancel();
      const said = await Deno.readTextFile(`${folder}/requeued`).catch(() => null);
      assert.equal(said, requeued ? "requeue 41\n" : null);
      const args = Deno.readTextFileSync(`${folder}/args`);
      assert.equal(args, "sweep --grid /run dir/slurm/grid.yaml --out /run dir --shard 2/3\n");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

Deno.test("numbers of tasks are written in ranges", () => {
  assert.equal(formatTasks([1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
  assert.equal(formatTasks([5]), "5");
});

const GROUPS = Array.from(
  { length: 10 },
  (_, i) => ({ place: `group ${i}`, cells: ["a", "b"], keys: [`${i}/0`, `${i}/1`] }),
);
const KEYS = GROUPS.flatMap(({ keys }) => keys);

Deno.test("every sample belongs to the shard that runs its group", () => {
  const expected = [{ cells: ["x"], samples: ["0"] }, { cells: ["a", "b"], samples: KEYS }];
  const work = shardWork(expected, GROUPS, 3);
  assert.deepEqual(work.flatMap(({ samples }) => samples.flatMap(({ keys }) => keys)).toSorted(), KEYS.toSorted());
  for (const { index, samples } of work) {
    for (const { list, keys } of samples) {
      assert.equal(list, 1);
      for (const key of keys) assert(takes({ index, count: 3 }, `group ${key.split("/")[0]}`));
    }
  }
});

/** A run folder with jobs, and answers for the given samples of cell `a`. */
async function runFolder(answers: Record<string, string | null>): Promise<{ folder: string; manifest: Manifest }> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-slurm-" });
  const cells = ["a", "b"].map((id) => ({ id, config: { method: id } })) as unknown as Manifest["cells"];
  const manifest: Manifest = {
    version: 1,
    rocketkv: "0",
    createdAt: "",
    grid: {},
    machine: {},
    cells,
    expected: [{ cells: ["a", "b"], samples: KEYS }],
  };
  await writeManifest(folder, manifest);
  for (const cell of ["a", "b"]) {
    const lines = Object.entries(answers).map(([sample, error]) =>
      JSON.stringify({ sample, turn: 0, ...(error !== null && { error }) }) + "\n"
    );
    Deno.writeTextFileSync(`${folder}/cells/${cell}/predictions.1-of-3.jsonl`, lines.join(""));
    Deno.writeTextFileSync(`${folder}/cells/${cell}/timings.1-of-3.jsonl`, lines.join(""));
  }
  const shards = shardWork(manifest.expected, GROUPS, 3);
  await writeJobs({ ...CONTEXT, folder, grid: "", options: OPTIONS, shards });
  return { folder, manifest };
}

/** Slurm with this queue, which remembers what it was asked. */
function fakeSlurm(queue: string): RunSlurm & { asked: string[] } {
  const asked: string[] = [];
  let next = 11;
  const run: RunSlurm = (program, args) => {
    asked.push([program, ...args].join(" "));
    return Promise.resolve(program === "squeue" ? queue : `${next++}\n`);
  };
  return Object.assign(run, { asked });
}

const shardOf = (key: string) => [1, 2, 3].find((index) => takes({ index, count: 3 }, `group ${key.split("/")[0]}`))!;

Deno.test("only shards with work left are handed in, and the job behind them", async () => {
  const whole = KEYS.filter((key) => shardOf(key) !== 2);
  const { folder } = await runFolder(Object.fromEntries(whole.map((key) => [key, null])));
  const slurm = fakeSlurm("");
  const { at: _, ...submission } = (await submitJobs(folder, slurm))!;
  assert.deepEqual(submission, { job: "11", finish: "12", tasks: "2" });
  assert.deepEqual(slurm.asked.slice(1), [
    `sbatch --parsable --array=2 ${folder}/slurm/job.sh`,
    `sbatch --parsable --dependency=afterany:11 ${folder}/slurm/finish.sh`,
  ]);
  assert.equal((await readSubmissions(folder)).length, 1);
  const queued = fakeSlurm("11_2|2|RUNNING|node\n12|N/A|PENDING|(Dependency)\n");
  await assert.rejects(
    submitJobs(folder, queued),
    /expected none of its jobs in the queue, found 11 12: scancel 11 12$/,
  );

  const complete = await runFolder(Object.fromEntries(KEYS.map((key) => [key, null])));
  const asked = fakeSlurm("9_1|1|COMPLETED|x\n");
  assert.equal(await submitJobs(complete.folder, asked), null);
  assert.equal(asked.asked.length, 1);
  for (const path of [folder, complete.folder]) Deno.removeSync(path, { recursive: true });
});

Deno.test("shards are done, running, waiting, failed or missing, and a line hands in those that are left", async () => {
  const answers = KEYS.filter((key) => shardOf(key) === 1).map((key) => [key, null]);
  const broken = KEYS.find((key) => shardOf(key) === 3)!;
  const { folder } = await runFolder(Object.fromEntries([...answers, [broken, "out of memory"]]));
  const run = await readRun(folder);
  const states = async (queue: string) => {
    const status = (await slurmStatus(run, folder, fakeSlurm(queue)))!;
    return { states: status.shards.map(({ state }) => state), resubmit: status.resubmit };
  };
  assert.deepEqual(await states("7_2|2|RUNNING|node\n7_3|3|PENDING|(Resources)\n"), {
    states: ["done", "running", "waiting"],
    resubmit: null,
  });
  assert.deepEqual(await states("7_1|1|COMPLETING|node\n7_2|2|CANCELLED|x\n"), {
    states: ["done", "missing", "failed"],
    resubmit: submitLine(folder, "2-3"),
  });
  const [, , third] = shardProgress(run, shardWork(run.manifest.expected, GROUPS, 3));
  assert.deepEqual([third!.failed, third!.done], [2, 0]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("a run without jobs has no such states", async () => {
  const run = { path: "/none", manifest: { expected: [] }, cells: [] } as unknown as Parameters<typeof slurmStatus>[0];
  assert.equal(await slurmStatus(run, "/none", fakeSlurm("")), null);
});

Deno.test("the line that hands in shards is one that a shell can run", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv slurm-" });
  Deno.writeTextFileSync(`${folder}/sbatch`, '#!/bin/sh\nprintf "%s|" "$@" >> "$0.log"\necho 5\n', { mode: 0o755 });
  const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
  const { code } = await new Deno.Command("sh", { args: ["-c", submitLine("/my run", "2,5")], env, stdout: "null" })
    .output();
  assert.equal(code, 0);
  assert.equal(
    Deno.readTextFileSync(`${folder}/sbatch.log`),
    "--parsable|--array=2,5|/my run/slurm/job.sh|--parsable|--dependency=afterany:5|/my run/slurm/finish.sh|",
  );
  Deno.removeSync(folder, { recursive: true });
});
