/** The tasks `scbench/...`, from the user's own copy in any of its layouts. */
import { importedFolder } from "../data_store.ts";
import { UsageError } from "../../error.ts";
import { type DataSet, needDataSet, openDataSet, recordGroups } from "../files/data_set.ts";
import type { Task, TaskSpec } from "../task.ts";
import { TaskOptions } from "../task_options.ts";
import { PROMPT_PACK } from "./prompts.ts";
import { functionsOf, sampleOf } from "./sample.ts";
import { sessionOf } from "./session.ts";
import { fileNames, NAMES, type Size, SIZES, TASKS, WHENCE } from "./tasks.ts";

export const tasks = NAMES;

export const MODES = ["multi-turn", "multi-request"] as const;
export const HISTORIES = ["golden", "own"] as const;

/**
 * Options: `data`, the folder or file (that of `data import` without it); `size` of a re-packed file; `mode`: whether a question
 * sees the turns before it; `history`: with the reference answers, or the model's own; `turns`: how many of them, or `all`.
 *
 * @throws {UsageError} for options that it does not know or cannot use, and for files that are missing or bad.
 */
export async function open(spec: TaskSpec): Promise<Task> {
  const name = spec.name.split("/")[1]!, task = TASKS[name]!;
  const read = new TaskOptions(spec);
  const data = read.text("data", null);
  const size = read.choice("size", SIZES, "full");
  const mode = read.choice("mode", MODES, "multi-turn");
  const history = read.choice("history", HISTORIES, "golden");
  const turns = (read.any("turns") ?? "all") === "all" ? "all" : read.integer("turns", 1, 1);
  read.done();
  if (mode === "multi-request" && spec.options["history"] !== undefined) {
    read.refuse("history", 'left out with "mode" multi-request: requests see no turns before them');
  }

  const folder = data ?? await importedFolder("scbench", name, WHENCE);
  const set = await findDataSet(folder, name, size);
  const sessions = set.rows.map((row) => sessionOf(row, task));
  const prerendered = sessions[0]!.prerendered;
  const options = { functions: functionsOf(sessions), maxTurns: turns === "all" ? Infinity : turns };
  const samples = sessions.map((session, i) => sampleOf(name, task, session, `${i}`, options));
  const promptPack = prerendered ? "prerendered" : PROMPT_PACK;
  const seen = mode === "multi-turn" ? { mode, history } : { mode };
  return {
    // Where the files lie is no part of what they are.
    spec: { name: spec.name, options: { promptPack, size, ...seen, turns } },
    dataMode: prerendered ? "official" : "native",
    usesLength: false,
    history: mode === "multi-request" ? "requests" : history,
    dataId: `sha256 ${set.id}`,
    groups: ({ seed, count }) => Promise.resolve(recordGroups(samples, count, seed)),
  };
}

/** @throws {UsageError} for a file that is missing, naming another size that is there. */
async function findDataSet(folder: string, name: string, size: Size): Promise<DataSet> {
  const set = await openDataSet(folder, fileNames(name, size));
  if (set !== null) return set;
  for (const other of SIZES) {
    if (await openDataSet(folder, fileNames(name, other)) === null) continue;
    throw new UsageError(
      `Cannot find scbench/${name} of size ${size} in ${folder}: expected ${
        fileNames(name, size)[0]
      }, found size ${other}: ` +
        `pass --size ${other}`,
    );
  }
  return await needDataSet(folder, fileNames(name, size), WHENCE);
}
