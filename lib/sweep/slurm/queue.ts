/** What Slurm says of a run's jobs. */
import { jobName } from "./script.ts";
import type { RunSlurm } from "./programs.ts";

/** A task of an array that waits, runs or ends. */
export interface QueuedTask {
  /** Number of its shard; null for the job that merges and reports. */
  readonly shard: number | null;
  /** `12_3`, or `13`. */
  readonly job: string;
  /** As Slurm calls it: `PENDING`, `RUNNING`, `COMPLETING`, `REQUEUED`. */
  readonly state: string;
  /** Why it waits: `Resources`, `Dependency`; the node where it runs. */
  readonly reason: string;
}

/** Ends that squeue still lists for a while. */
const OVER = new Set([
  ...[
    "COMPLETED",
    "FAILED",
    "CANCELLED",
    "TIMEOUT",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "BOOT_FAIL",
    "DEADLINE",
    "PREEMPTED",
  ],
]);

/** Jobs of a run folder that are not over, every task of an array for itself. @throws {RunError} when Slurm cannot say. */
export async function queuedTasks(folder: string, run: RunSlurm): Promise<QueuedTask[]> {
  const text = await run("squeue", ["--noheader", "--array", `--name=${jobName(folder)}`, "--format=%i|%K|%T|%R"]);
  return text.split("\n").filter((line) => line !== "").map(parseTask).filter(({ state }) => !OVER.has(state));
}

/** `12_3|3|RUNNING|node7`, or `13|N/A|PENDING|(Dependency)` */
function parseTask(line: string): QueuedTask {
  const [job = "", task = "", state = "", reason = ""] = line.split("|");
  return { shard: /^\d+$/.test(task) ? Number(task) : null, job, state, reason: reason.replace(/^\((.*)\)$/, "$1") };
}
