/** How far the shards of a run are that Slurm runs. */
import { RunError } from "../../error.ts";
import type { Run } from "../folder/manifest.ts";
import { type RunSlurm, runSlurm } from "./programs.ts";
import { type QueuedTask, queuedTasks } from "./queue.ts";
import { submitLine } from "./script.ts";
import { formatTasks, type ShardProgress, shardProgress } from "./shards.ts";
import { readShards } from "./submit.ts";

export interface SlurmShard extends ShardProgress {
  /**
   * `done`; `running` and `waiting` as Slurm says; `failed` has samples that ended in an error, `missing` none of that, and
   * neither is in the queue any more.
   */
  readonly state: "done" | "running" | "waiting" | "failed" | "missing";
  /** Its task, while Slurm has it. */
  readonly task: QueuedTask | null;
}

export interface SlurmStatus {
  readonly shards: readonly SlurmShard[];
  /** Why nothing is known of the queue; null where Slurm answered. */
  readonly unknown: string | null;
  /** Hands in again what is failed or missing; null where nothing is. */
  readonly resubmit: string | null;
}

/**
 * @param folder  Absolute path of the run folder.
 * @returns Null for a run that was not handed to Slurm.
 */
export async function slurmStatus(run: Run, folder: string, slurm: RunSlurm = runSlurm): Promise<SlurmStatus | null> {
  const list = await readShards(folder);
  if (list === null) return null;
  let queued: QueuedTask[] = [], unknown: string | null = null;
  try {
    queued = await queuedTasks(folder, slurm);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    unknown = error.message;
  }
  const shards = shardProgress(run, list.shards).map((progress): SlurmShard => {
    const task = queued.find(({ shard }) => shard === progress.index) ?? null;
    return { ...progress, task, state: stateOf(progress, task) };
  });
  const left = shards.filter(({ state }) => state === "failed" || state === "missing").map(({ index }) => index);
  return { shards, unknown, resubmit: left.length === 0 ? null : submitLine(folder, formatTasks(left)) };
}

function stateOf({ total, done, failed }: ShardProgress, task: QueuedTask | null): SlurmShard["state"] {
  if (done === total) return "done";
  if (task !== null) return task.state === "PENDING" || task.state.startsWith("REQUEUE") ? "waiting" : "running";
  return failed > 0 ? "failed" : "missing";
}
