/**
 * A run as jobs of Slurm: an array of which every task is a shard, and a job behind it that merges and reports.
 *
 *     slurm/grid.yaml       the grid, for every task
 *     slurm/job.sh          the array
 *     slurm/finish.sh       merge and report
 *     slurm/shards.json     what each shard has to do
 *     slurm/logs/           what the tasks said
 */
import { sha256 } from "../../model/sha256.ts";

/** What is asked of Slurm; everything but the array is left to its own defaults where it is null. */
export interface SlurmOptions {
  /** Tasks of the array: shards of the run. */
  readonly tasks: number;
  /** Most tasks that run at the same time; null for as many as there is room for. */
  readonly running: number | null;
  readonly partition: string | null;
  /** As `sbatch --time` takes it. */
  readonly time: string | null;
  /** As `sbatch --gres` takes it: `gpu:1`. */
  readonly gres: string | null;
  readonly account: string | null;
  /** Of a task. */
  readonly cpus: number | null;
  /** As `sbatch --mem` takes it. */
  readonly memory: string | null;
  /** Further arguments of sbatch: `--qos=low`. */
  readonly more: readonly string[];
}

export interface ScriptContext {
  /** Absolute path of the run folder. */
  readonly folder: string;
  /** Where the tasks start: paths in the grid are relative to it. */
  readonly workingFolder: string;
  /** The program, and arguments of every task besides grid, folder and shard. */
  readonly program: string;
  readonly args: readonly string[];
}

/** Seconds before the time limit at which a task is told to finish its sample. */
const NOTICE_S = 120;

/** The same for all jobs of a run folder, and of no other: how they are found again. */
export function jobName(folder: string): string {
  const hash = sha256();
  hash.update(new TextEncoder().encode(folder));
  return `rocketkv-${hash.hex().slice(0, 8)}`;
}

/** A word as a POSIX shell reads it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The array job. Shortly before the time limit its tasks finish the sample in work, end with 75 and are put back into the queue;
 * a task that is cancelled finishes its sample too, and is not.
 */
export function jobScript(context: ScriptContext, options: SlurmOptions): string {
  const { folder, program, args } = context;
  const { tasks, running, gres, cpus, memory, time } = options;
  const command = [program, "sweep", "--grid", `${folder}/slurm/grid.yaml`, "--out", folder, ...args].map(quote).join(
    " ",
  );
  return script([
    ...header(context, options, "%A_%a"),
    `#SBATCH --array=1-${tasks}${running === null ? "" : `%${running}`}`,
    `#SBATCH --signal=B:USR1@${NOTICE_S}`,
    "#SBATCH --requeue",
    ...(time === null ? [] : [directive("--time", time)]),
    ...(gres === null ? [] : [directive("--gres", gres)]),
    ...(cpus === null ? [] : [directive("--cpus-per-task", `${cpus}`)]),
    ...(memory === null ? [] : [directive("--mem", memory)]),
    "",
    "child= again= stop=",
    "finish() {",
    "  stop=yes",
    '  [ -z "$child" ] || kill -TERM "$child"',
    "}",
    "trap finish TERM INT",
    "trap 'again=yes; finish' USR1",
    `${command} --shard "$SLURM_ARRAY_TASK_ID/${tasks}" &`,
    "child=$!",
    '[ -z "$stop" ] || kill -TERM "$child" # a signal came before there was anybody to tell',
    "while :; do",
    '  wait "$child"',
    "  code=$?",
    '  kill -0 "$child" 2> /dev/null || break # a trap ended the wait, not the command',
    "done",
    'case "$again$code" in',
    '  yes75 | yes143) scontrol requeue "$SLURM_JOB_ID" ;; # stopped between two samples, or before the first',
    "esac",
    'exit "$code"',
  ]);
}

/** The job behind the array: it runs whatever became of the tasks, and reports what there is. */
export function finishScript(context: ScriptContext, options: SlurmOptions): string {
  const { folder, program } = context;
  const run = (command: string) => [program, command, folder].map(quote).join(" ");
  return script([
    ...header(context, options, "%j_finish"),
    "",
    `${run("status")}`,
    `${run("merge")} && ${run("report")}`,
  ]);
}

/** How the array and the job behind it are handed to Slurm. @param tasks  Numbers of the shards: `1-4`, or `2,5`. */
export function submitCommands(folder: string, tasks: string): { job: string[]; finish: (jobId: string) => string[] } {
  return {
    job: ["--parsable", `--array=${tasks}`, `${folder}/slurm/job.sh`],
    finish: (id) => ["--parsable", `--dependency=afterany:${id}`, `${folder}/slurm/finish.sh`],
  };
}

/** A line for a shell that hands some shards in again. */
export function submitLine(folder: string, tasks: string): string {
  const { job, finish } = submitCommands(folder, tasks);
  const words = (args: readonly string[]) => args.map(quote).join(" ");
  const mark = "JOB";
  return `job=$(sbatch ${words(job)}) && sbatch ${words(finish(mark)).replace(`afterany:${mark}`, 'afterany:"$job"')}`;
}

function header({ folder, workingFolder }: ScriptContext, options: SlurmOptions, log: string): string[] {
  const { partition, account, more } = options;
  return [
    "#!/bin/sh",
    `#SBATCH --job-name=${jobName(folder)}`,
    directive("--output", `${folder.replaceAll("%", "%%")}/slurm/logs/${log}.log`),
    "#SBATCH --open-mode=append", // a task that comes back goes on in its log
    directive("--chdir", workingFolder),
    ...(partition === null ? [] : [directive("--partition", partition)]),
    ...(account === null ? [] : [directive("--account", account)]),
    ...more.map((argument) => `#SBATCH ${directiveWord(argument)}`),
  ];
}

function directive(name: string, value: string): string {
  return `#SBATCH ${name}=${directiveWord(value)}`;
}

/** A word as sbatch reads it in a script: double quotes, and backslashes in front of them. */
function directiveWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll(/[\\"]/g, "\\$&")}"`;
}

function script(lines: readonly string[]): string {
  return lines.join("\n") + "\n";
}
