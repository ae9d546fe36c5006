/** The task `file`: samples of a file, made by `rocketkv data build` or by anybody. */
import { UsageError } from "../../error.ts";
import { pickRows, readDataSet } from "../files/data_set.ts";
import { refuseData } from "../files/row.ts";
import type { Sample } from "../sample.ts";
import type { Task, TaskSpec } from "../task.ts";
import { TaskOptions } from "../task_options.ts";
import { ANSWER_METRICS, sampleFrom } from "./record.ts";

export const tasks: readonly string[] = [];

/**
 * Options: `data`, the file; for lines that do not say it `metric`, `newTokens` and `raw`. A line needs `input` and `outputs`.
 *
 * @throws {UsageError} for options that it does not know or cannot use, and for a file that is missing or bad.
 */
export async function open(spec: TaskSpec): Promise<Task> {
  const read = new TaskOptions(spec);
  const data = read.text("data", null);
  const defaults = {
    metric: read.choice("metric", ANSWER_METRICS, "match_all"),
    newTokens: read.integer("newTokens", 128, 1),
    chat: read.flag("raw") ? "raw" : "model",
  } as const;
  read.done();
  if (data === null) throw new UsageError('Cannot use task "file": expected its option "data", found none');

  const set = await readDataSet([data]);
  const samples = set.rows.map((row, i) => sampleFrom(row, `${i}`, defaults));
  const keys = new Set<string>();
  for (const [i, { key }] of samples.entries()) {
    if (keys.has(key)) {
      refuseData(data, set.rows[i]!.place, `"key" must be another one in every record: found ${key} twice`);
    }
    keys.add(key);
  }
  const groups = new Map<string, Sample[]>();
  for (const [i, sample] of samples.entries()) {
    const id = set.rows[i]!.text("group", sample.key); // samples on the same haystack say so
    groups.set(id, [...groups.get(id) ?? [], sample]);
  }
  return {
    spec: { name: spec.name, options: { ...defaults } },
    dataMode: "native",
    usesLength: false,
    dataId: `sha256 ${set.id}`,
    groups: ({ seed, count }) => {
      const all = [...groups];
      return Promise.resolve(
        pickRows(all.length, count, seed).map((index) => {
          const [id, own] = all[index]!;
          return { id, keys: own.map(({ key }) => key), make: () => Promise.resolve(own) };
        }),
      );
    },
  };
}
