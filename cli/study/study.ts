/** What the study commands share: a grid runs in its folder, stops when asked to, and shows what it found. */
import config from "../../deno.json" with { type: "json" };
import type { Cell } from "../../lib/sweep/grid/cell.ts";
import { expand, type Expansion } from "../../lib/sweep/grid/expand.ts";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import { DEFAULT_GRID, type Grid, gridHash } from "../../lib/sweep/grid/grid.ts";
import { Journal } from "../../lib/sweep/folder/journal.ts";
import { lockShard } from "../../lib/sweep/folder/lock.ts";
import type { Manifest, Run } from "../../lib/sweep/folder/manifest.ts";
import type { Prediction } from "../../lib/sweep/folder/prediction.ts";
import { resume } from "../../lib/sweep/folder/resume.ts";
import { runStudy as runCells, type StudyOutcome } from "../../lib/sweep/study.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import type { Length, TaskSpec } from "../../lib/tasks/task.ts";
import { EarlyEnd, EXIT } from "../failure.ts";
import { interruptSignal } from "../interrupt.ts";
import { dryRun } from "./forecast.ts";
import { gridFrom } from "./grid.ts";
import { StudyModels } from "./models.ts";
import type { StudyFlags } from "./options.ts";
import { studyRecord, studyTable } from "./table.ts";
import { plural } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export interface StudyHooks {
  /** Names the run folder. @default the benchmark of the first task */
  readonly command?: string;
  /** Every answer as it is written down: for displays that are alive. The line below them is that of the progress. */
  readonly onAnswer?: (cell: Cell, prediction: Prediction) => void;
  /** The run when nothing more is done, also when it was stopped: in front of the table. */
  readonly onEnd?: (run: Run) => void | Promise<void>;
  /** Takes a run over whose folder has its manifest, instead of running it here. Nobody is at work there meanwhile. */
  readonly handOver?: (path: string, manifest: Manifest, expansion: Expansion) => Promise<void>;
}

/**
 * Run tasks with the models, methods and budgets that the flags name, or go on with it.
 *
 * @param lengths  Null for tasks whose files decide, and for the default lengths.
 * @throws {EarlyEnd} when it was asked to stop (75), or samples could not be answered (3).
 */
export async function runStudy(
  flags: StudyFlags,
  tasks: readonly TaskSpec[],
  lengths: readonly Length[] | null,
  hooks: StudyHooks = {},
): Promise<void> {
  const command = tasks[0]!.name.split("/")[0]!;
  await runGrid(flags, gridFrom(DEFAULT_GRID, flags, tasks, lengths), { command, ...hooks });
}

/** As `runStudy`, for a grid that is ready. */
export async function runGrid(flags: StudyFlags, grid: Grid, hooks: StudyHooks): Promise<void> {
  const stop = interruptSignal();
  const models = new StudyModels(grid, flags);
  const path = flags.out ?? `runs/${hooks.command ?? "study"}-${gridHash(grid)}`;
  try {
    const expansion = await expand(grid, (name) => models.open(name));
    stop.throwIfAborted();
    if (flags.dryRun) return await dryRun(flags, path, expansion, models);
    if (hooks.handOver !== undefined) {
      const [lock, manifest] = await takeFolder(path, flags, grid, expansion, models);
      using _lock = lock;
      return await hooks.handOver(path, manifest, expansion);
    }
    const outcome = await runIn(path, flags, grid, expansion, models, hooks, stop);
    await finish(path, flags, outcome, hooks);
  } catch (error) {
    // Asked to stop while nothing was in work: a model was being loaded, samples were being made.
    if (stop.aborted && error instanceof DOMException && error.name === "AbortError") throw stopped(path);
    throw error;
  }
}

async function runIn(
  path: string,
  flags: StudyFlags,
  grid: Grid,
  expansion: Expansion,
  models: StudyModels,
  hooks: StudyHooks,
  stop: AbortSignal,
): Promise<StudyOutcome> {
  const [lock, manifest] = await takeFolder(path, flags, grid, expansion, models);
  using _lock = lock;
  const journal = await Journal.open(path, manifest.cells, flags.shard);
  using progress = new Progress("study");
  return await runCells({
    ...expansion,
    journal,
    openRunner: (model) => models.load(model, stop),
    stop,
    failFast: flags.failFast,
    ...(hooks.onAnswer && { onAnswer: hooks.onAnswer }),
    onProgress: (done, total) => progress.update(done, total),
  });
}

/** Lock this process's shard, and make the run's manifest or see that it is this run's. */
function takeFolder(
  path: string,
  flags: StudyFlags,
  grid: Grid,
  expansion: Expansion,
  models: StudyModels,
): Promise<[Disposable, Manifest]> {
  const holder = { pid: Deno.pid, host: Deno.hostname(), since: new Date().toISOString() };
  return lockShard(
    path,
    flags.shard,
    holder,
    (others) => resume(path, manifestOf(grid, expansion, models), flags, others.length === 0),
  );
}

function manifestOf(grid: Grid, { cells, expected }: Expansion, models: StudyModels): Manifest {
  return {
    version: 1,
    rocketkv: config.version,
    createdAt: new Date().toISOString(),
    grid: grid as unknown as Manifest["grid"],
    machine: {
      host: Deno.hostname(),
      system: `${Deno.build.os} ${Deno.build.arch}`,
      processors: navigator.hardwareConcurrency,
      devices: models.all.map(({ device }) => device) as Json,
    },
    cells,
    expected,
  };
}

/** Show what there is, and end as the outcome says. */
async function finish(path: string, flags: StudyFlags, outcome: StudyOutcome, hooks: StudyHooks): Promise<void> {
  const run = await readRun(path);
  await hooks.onEnd?.(run);
  if (flags.json) writeJson({ ...studyRecord(run), ...outcome });
  else {
    const table = studyTable(run);
    writeLine(`${table}\n\n${path}: "rocketkv report ${path}" makes tables, charts and one page of it.`);
  }
  if (outcome.stopped) throw stopped(path);
  if (outcome.failures > 0) {
    throw new EarlyEnd(
      EXIT.partial,
      `Cannot answer ${plural(outcome.failures, "sample")} of ${path}; the first says: ${outcome.firstFailure}`,
    );
  }
}

function stopped(path: string): EarlyEnd {
  return new EarlyEnd(EXIT.interrupted, `Stopped: the same command goes on in ${path}`);
}
