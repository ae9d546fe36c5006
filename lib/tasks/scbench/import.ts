/** What `data import scbench` takes. */
import type { Importable } from "../data_store.ts";
import { functionsOf, sampleOf } from "./sample.ts";
import { sessionOf } from "./session.ts";
import { fileNames, NAMES, TASKS, WHENCE } from "./tasks.ts";

export const importable: Importable = {
  tasks: NAMES,
  fileNames: (name) => fileNames(name),
  whence: WHENCE,
  check(name, rows) {
    const task = TASKS[name]!;
    const sessions = rows.map((row) => sessionOf(row, task));
    const options = { functions: functionsOf(sessions), maxTurns: Infinity };
    for (const [i, session] of sessions.entries()) sampleOf(name, task, session, `${i}`, options);
  },
};
