/** Writes a run's jobs and hands them to Slurm. */
import { RunError } from "../../error.ts";
import { writing } from "../../model/writing.ts";
import { reading, writeWhole } from "../folder/files.ts";
import { readRun } from "../folder/folder.ts";
import { type RunSlurm, runSlurm } from "./programs.ts";
import { queuedTasks } from "./queue.ts";
import { finishScript, jobScript, type ScriptContext, type SlurmOptions, submitCommands } from "./script.ts";
import { formatTasks, shardProgress, type ShardWork } from "./shards.ts";

/** `slurm/shards.json` */
export interface SlurmShards {
  readonly version: 1;
  readonly tasks: number;
  readonly shards: readonly ShardWork[];
}

/** `slurm/submitted.json`: what was handed in, the newest last. */
export interface Submission {
  readonly job: string;
  readonly finish: string;
  /** Numbers of its tasks: `1-4`. */
  readonly tasks: string;
  readonly at: string;
}

export interface SlurmJobs extends ScriptContext {
  /** The grid as a file. */
  readonly grid: string;
  readonly options: SlurmOptions;
  readonly shards: readonly ShardWork[];
}

/**
 * Write scripts and lists into `slurm/` of a run folder that has its manifest.
 *
 * @throws {RunError} while tasks of other scripts are in Slurm's queue, or when the disk refuses.
 */
export async function writeJobs({ grid, options, shards, ...context }: SlurmJobs): Promise<void> {
  const folder = `${context.folder}/slurm`;
  await writing(folder, () => Deno.mkdir(`${folder}/logs`, { recursive: true }));
  const list: SlurmShards = { version: 1, tasks: options.tasks, shards };
  await writeWhole(`${folder}/grid.yaml`, grid);
  await writeWhole(`${folder}/shards.json`, JSON.stringify(list) + "\n");
  await writeWhole(`${folder}/job.sh`, jobScript(context, options));
  await writeWhole(`${folder}/finish.sh`, finishScript(context, options));
}

/**
 * Hand in the shards that are not finished, and the job behind them.
 *
 * @param folder  Absolute path of a run folder with jobs.
 * @returns Null when there is nothing left to do.
 * @throws {RunError} when Slurm refuses, or has tasks of this run already.
 */
export async function submitJobs(folder: string, run: RunSlurm = runSlurm): Promise<Submission | null> {
  const queued = await queuedTasks(folder, run);
  if (queued.length > 0) {
    const jobs = [...new Set(queued.map(({ job }) => job.replace(/_.*$/, "")))].join(" ");
    throw new RunError(
      `Cannot submit ${folder}: expected none of its jobs in the queue, found ${jobs}: scancel ${jobs}`,
    );
  }
  const { shards } = (await readShards(folder))!;
  const left = shardProgress(await readRun(folder), shards).filter(({ total, done }) => done < total);
  if (left.length === 0) return null;
  const tasks = formatTasks(left.map(({ index }) => index));
  const commands = submitCommands(folder, tasks);
  const job = jobId(await run("sbatch", commands.job));
  const finish = jobId(await run("sbatch", commands.finish(job)));
  const submission = { job, finish, tasks, at: new Date().toISOString() };
  const all = [...await readSubmissions(folder), submission];
  await writeWhole(`${folder}/slurm/submitted.json`, JSON.stringify(all, null, 1) + "\n");
  return submission;
}

/** Null for a run that has no jobs. */
export async function readShards(folder: string): Promise<SlurmShards | null> {
  return await readJson<SlurmShards | null>(`${folder}/slurm/shards.json`, null);
}

export async function readSubmissions(folder: string): Promise<readonly Submission[]> {
  return await readJson<readonly Submission[]>(`${folder}/slurm/submitted.json`, []);
}

async function readJson<T>(path: string, missing: T): Promise<T> {
  const text = await reading<string | null>(path, () => Deno.readTextFile(path), null);
  if (text === null) return missing;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RunError(`Cannot read ${path}: expected JSON: ${(error as Error).message}`);
  }
}

/** `12`, or `12;cluster` */
function jobId(text: string): string {
  return text.trim().split(";")[0]!;
}
