/** What `data import longbench` takes. */
import type { Importable } from "../data_store.ts";
import { PROMPTS } from "./prompts.ts";
import { isPrerendered, prerenderedSample, sampleOf } from "./record.ts";
import { baseName, NAMES, TASKS, WHENCE } from "./tasks.ts";

export const importable: Importable = {
  tasks: NAMES,
  fileNames: (name) => [name],
  whence: WHENCE,
  check(name, rows) {
    const base = baseName(name), task = TASKS[base]!;
    const prerendered = isPrerendered(rows[0]!);
    for (const [i, row] of rows.entries()) {
      if (prerendered) prerenderedSample(row, `${i}`, task, {});
      else sampleOf(row, `${i}`, task, PROMPTS[base]!, task.newTokens, {});
    }
  },
};
