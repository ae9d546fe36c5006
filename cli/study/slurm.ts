/** `--executor slurm`: a run becomes jobs instead of running here. */
import { resolve } from "node:path";
import { UsageError } from "../../lib/error.ts";
import { builtFile } from "../../lib/installation.ts";
import { formatGrid } from "../../lib/sweep/grid/grid_file.ts";
import type { Grid } from "../../lib/sweep/grid/grid.ts";
import { WHOLE } from "../../lib/sweep/folder/shard.ts";
import { shardWork } from "../../lib/sweep/slurm/shards.ts";
import { submitJobs, writeJobs } from "../../lib/sweep/slurm/submit.ts";
import { type SlurmFlags, slurmOptionsFrom } from "./slurm_options.ts";
import type { StudyHooks } from "./study.ts";
import type { StudyFlags } from "./options.ts";
import { writeJson, writeLine } from "../ui/output.ts";

/** @returns What writes the scripts of a run and hands them in. @throws {UsageError} */
export async function handOverToSlurm(
  flags: StudyFlags & SlurmFlags,
  grid: Grid,
): Promise<NonNullable<StudyHooks["handOver"]>> {
  if (flags.shard !== WHOLE) {
    throw new UsageError("Cannot use --shard with --executor slurm: every task of the array is a shard of its own");
  }
  const options = slurmOptionsFrom(flags);
  const gridFile = await formatGrid(grid);
  return async (path, { expected }, { units }) => {
    const folder = resolve(path);
    const groups = units.map(({ place, group, arms }) => ({
      place,
      keys: group.keys,
      cells: arms.map(({ cell }) => cell),
    }));
    await writeJobs({
      folder,
      workingFolder: Deno.cwd(),
      program: Deno.env.get("ROCKETKV_PROGRAM") ?? builtFile("rocketkv"),
      args: taskArguments(flags, grid),
      grid: gridFile,
      options,
      shards: shardWork(expected, groups, options.tasks),
    });
    const scripts = { job: `${folder}/slurm/job.sh`, finish: `${folder}/slurm/finish.sh` };
    const submitted = flags.emit ? null : await submitJobs(folder);
    if (flags.json) return writeJson({ path, ...scripts, submitted });
    if (flags.emit) return writeLine(`${scripts.job}\n${scripts.finish}`);
    if (submitted === null) return writeLine(`${path}: nothing is left to do: "rocketkv report ${path}" reports it`);
    writeLine(
      `${path}: job ${submitted.job} runs shards ${submitted.tasks} of ${options.tasks}, job ${submitted.finish} ` +
        `merges and reports: "rocketkv status ${path}" says how far they are`,
    );
  };
}

/** What a task needs to hear besides its grid, folder and shard. */
function taskArguments(flags: StudyFlags, { endpoint }: Grid): string[] {
  const { device, threads, failFast, tokenizer, endpointJobs, endpointEcho, apiKeyEnv } = flags;
  const served = endpoint === null ? [] : ["--endpoint", endpoint, "--endpoint-jobs", `${endpointJobs}`];
  return [
    ...served,
    ...(device === "auto" ? [] : ["--device", device]),
    ...(threads === 0 ? [] : ["--threads", `${threads}`]),
    ...(endpointEcho ? ["--endpoint-echo"] : []),
    ...(apiKeyEnv === undefined ? [] : ["--api-key-env", apiKeyEnv]),
    ...(tokenizer === undefined ? [] : ["--tokenizer", tokenizer]),
    ...(failFast ? ["--fail-fast"] : []),
  ];
}
