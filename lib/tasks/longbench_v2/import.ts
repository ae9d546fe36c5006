/** What `data import longbench-v2` takes. */
import type { Importable } from "../data_store.ts";
import { sampleOf } from "./record.ts";

/** What the file may be called, the first one in the cache folder. */
export const FILE_NAMES = ["longbench-v2", "data", "train-00000-of-00001", "LongBench-v2"] as const;

/** Where people get the file. */
export const WHENCE = "data.json of the data set THUDM/LongBench-v2";

export const importable: Importable = {
  tasks: [FILE_NAMES[0]],
  fileNames: () => FILE_NAMES,
  whence: WHENCE,
  check(_task, rows) {
    for (const [i, row] of rows.entries()) sampleOf(row, `${i}`, 128);
  },
};
