/** `rocketkv status`: how far a run is, who works on it, and how to go on. */
import { resolve } from "node:path";
import type { Command } from "@commander-js/extra-typings";
import { armOf } from "../../lib/report/identity.ts";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import { type SlurmStatus, slurmStatus } from "../../lib/sweep/slurm/status.ts";
import { type CellStatus, type RunStatus, statusOf } from "../../lib/sweep/folder/status.ts";
import { formatCount, formatDuration, formatPercent, plural } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { textTable } from "../ui/table.ts";

export function declare(command: Command): void {
  command
    .argument("<run>", "run folder")
    .option("--cells", "list every cell, not only those that are not done", false)
    .option("--json", "print one record", false)
    .action(async (path, { cells, json }) => {
      const run = await readRun(path);
      const status = await statusOf(path, run.manifest);
      const slurm = await slurmStatus(run, resolve(path));
      if (json) return writeJson({ path, ...status, slurm });
      const shown = status.cells.filter(({ done, expected }) => cells || done < expected);
      const parts = [
        summary(path, status),
        cellTable(shown),
        ...slurm === null ? [] : [slurmTable(slurm)],
        advice(status, slurm),
      ];
      writeLine(parts.filter((part) => part !== "").join("\n\n"));
    });
}

function summary(path: string, { cells, expected, done, failed, missing, running, etaMs }: RunStatus): string {
  const share = formatPercent(expected === 0 ? 1 : done / expected);
  const counts = `${formatCount(done)} of ${formatCount(expected)} samples done (${share}), ${formatCount(failed)} ` +
    `failed, ${formatCount(missing)} missing, in ${formatCount(cells.length)} cells`;
  const workers = running.map(({ shard, holder }) =>
    `Running: shard ${shard.index}/${shard.count}` +
    (holder === null ? "" : `, process ${holder.pid} on ${holder.host} since ${holder.since}`)
  );
  const eta = running.length > 0 && etaMs !== null ? [`About ${formatDuration(etaMs)} left`] : [];
  return [`${path}: ${counts}`, ...workers, ...eta].join("\n");
}

function cellTable(cells: readonly CellStatus[]): string {
  if (cells.length === 0) return "";
  return textTable(
    ["cell", "model", "task", "length", "seed", "moment", "arm", "done", "failed", "missing"],
    cells.map(({ cell, config, expected, done, failed, missing }) => [
      cell,
      config.model,
      config.task.name,
      config.length ?? "-",
      config.seed,
      config.moment,
      armOf(config).label,
      `${done}/${expected}`,
      failed,
      missing,
    ]),
  );
}

function slurmTable({ shards, unknown }: SlurmStatus): string {
  const busy = shards.filter(({ total }) => total > 0), open = busy.filter(({ state }) => state !== "done");
  const rows = open.map(({ index, state, total, done, task }) => [
    index,
    state,
    `${done}/${total}`,
    task?.job ?? "-",
    task?.reason ?? "-",
  ]);
  const table = rows.length === 0 ? "" : textTable(["shard", "state", "done", "job", "where or why"], rows);
  const idle = shards.length - busy.length;
  const counts = `Slurm: ${busy.length - open.length} of ${plural(busy.length, "shard")} done` +
    (idle === 0 ? "" : `, ${idle} more without samples`);
  return [counts, table, unknown ?? ""].filter((part) => part !== "").join("\n");
}

function advice({ failed, missing, running, lastFailure }: RunStatus, slurm: SlurmStatus | null): string {
  const failure = lastFailure === null ? [] : [`The last failure: ${lastFailure}`];
  if (failed + missing === 0) return "";
  if (slurm !== null) return [...failure, ...slurm.resubmit === null ? [] : [`To go on: ${slurm.resubmit}`]].join("\n");
  return [...failure, ...running.length > 0 ? [] : ["To go on: run the same command again"]].join("\n");
}
