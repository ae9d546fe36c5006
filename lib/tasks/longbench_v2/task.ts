/** The task `longbench-v2`: 503 four-choice questions about texts of 8K to 2M words, from the user's own copy. */
import { importedFolder } from "../data_store.ts";
import { needDataSet, recordGroups } from "../files/data_set.ts";
import type { Task, TaskSpec } from "../task.ts";
import { TaskOptions } from "../task_options.ts";
import { FILE_NAMES, WHENCE } from "./import.ts";
import { PROMPT_PACK, sampleOf } from "./record.ts";

export const tasks: readonly string[] = [];

/**
 * Options: `data`, the folder or file (that of `data import` without it); `newTokens` of an answer.
 *
 * @throws {UsageError} for options that it does not know or cannot use, and for files that are missing or bad.
 */
export async function open(spec: TaskSpec): Promise<Task> {
  const read = new TaskOptions(spec);
  const data = read.text("data", null), newTokens = read.integer("newTokens", 128, 1);
  read.done();
  const folder = data ?? await importedFolder("longbench-v2", FILE_NAMES[0], WHENCE);
  const set = await needDataSet(folder, FILE_NAMES, WHENCE);
  const samples = set.rows.map((row, i) => sampleOf(row, `${i}`, newTokens));
  return {
    spec: { name: spec.name, options: { promptPack: PROMPT_PACK, newTokens } },
    dataMode: "native",
    usesLength: false,
    dataId: `sha256 ${set.id}`,
    groups: ({ seed, count }) => Promise.resolve(recordGroups(samples, count, seed)),
  };
}
