// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
/** Options of `sweep --executor slurm`. What is not named is left to Slurm's own defaults. */
import { Option } from "@commander-js/extra-typings";
import type { SlurmOptions } from "../../lib/sweep/slurm/script.ts";
import { integer, repeated } from "../options.ts";

export const executorOption = () =>
  new Option("--executor <name>", "where it runs: local, or slurm as an array of jobs and one behind it that reports")
    .choices(["local", "slurm"] as const).default("local" as const);

export const emitOption = () =>
  new Option("--emit", "with slurm: write the scripts and say where they are, without handing them in").default(false);

export const tasksOption = () =>
  new Option("--array-tasks <count>", "with slurm: parts that the samples are split into").default(4).argParser(
    integer("--array-tasks", { min: 1, max: 100_000 }),
  );

export const runningOption = () =>
  new Option("--array-running <count>", "with slurm: most of them that run at the same time").argParser(
    integer("--array-running", { min: 1 }),
  );

export const partitionOption = () => new Option("--partition <name>", "with slurm: as sbatch has it");

export const timeOption = () =>
  new Option("--time <limit>", "with slurm: limit of a task, which goes back into the queue when it is over");

export const gresOption = () => new Option("--gres <list>", "with slurm: what a task needs: gpu:1");

export const accountOption = () => new Option("--account <name>", "with slurm: as sbatch has it");

export const cpusOption = () =>
  new Option("--cpus-per-task <count>", "with slurm: as sbatch has it").argParser(
    integer("--cpus-per-task", { min: 1 }),
  );

export const memoryOption = () => new Option("--mem <size>", "with slurm: memory of a task: 32G");

export const moreOption = () =>
  new Option(
    "--sbatch-arg <argument>",
    "with slurm: a further argument of sbatch: --sbatch-arg=--qos=low; may be repeated",
  )
    .default([] as string[], "none").argParser(repeated);

export interface SlurmFlags {
  readonly emit: boolean;
  readonly arrayTasks: number;
  readonly arrayRunning?: number | undefined;
  readonly partition?: string | undefined;
  readonly time?: string | undefined;
  readonly gres?: string | undefined;
  readonly account?: string | undefined;
  readonly cpusPerTask?: number | undefined;
  readonly mem?: string | undefined;
  readonly sbatchArg: readonly string[];
}

export function slurmOptionsFrom(flags: SlurmFlags): SlurmOptions {
  return {
    tasks: flags.arrayTasks,
    running: flags.arrayRunning ?? null,
    partition: flags.partition ?? null,
    time: flags.time ?? null,
    gres: flags.gres ?? null,
    account: flags.account ?? null,
    cpus: flags.cpusPerTask ?? null,
    memory: flags.mem ?? null,
    more: flags.sbatchArg,
  };
}
