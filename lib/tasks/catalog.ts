/** Every benchmark with the module that opens its tasks; only the ones that run are loaded. */
import { UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import type { Task, TaskSpec } from "./task.ts";

export interface Benchmark {
  /** Task names without the benchmark's: empty when the benchmark is one task. */
  readonly tasks: readonly string[];
  /** Those that the benchmark's name stands for. @default all */
  readonly usual?: readonly string[];
  /** @throws {UsageError} for options that it does not know or cannot use, {RunError} for files that are missing. */
  readonly open: (spec: TaskSpec) => Promise<Task>;
}

/** Benchmarks by name. */
export const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  niah: () => import("./niah/task.ts"),
  fidelity: () => import("./fidelity.ts"),
  ruler: () => import("./ruler/task.ts"),
  longbench: () => import("./longbench/task.ts"),
  "longbench-v2": () => import("./longbench_v2/task.ts"),
  scbench: () => import("./scbench/task.ts"),
  file: () => import("./file/task.ts"),
};

/** @throws {UsageError} for an unknown task. */
export async function openTask(spec: TaskSpec): Promise<Task> {
  const [bench, task] = splitName(spec.name);
  const { tasks, open } = await benchmarks[bench]!();
  if (task === "" ? tasks.length > 0 : !tasks.includes(task)) {
    const whole = (one: string) => `${bench}/${one}`, close = nearest(task, tasks);
    refuseTask(spec.name, close === null ? null : whole(close), tasks.length > 0 ? tasks.map(whole) : [bench]);
  }
  return await open(spec);
}

/** `ruler/*` and `ruler` become the benchmark's usual tasks. @throws {UsageError} for an unknown benchmark. */
export async function expandTasks(spec: TaskSpec): Promise<TaskSpec[]> {
  const [bench, task] = splitName(spec.name);
  const { tasks, usual = tasks } = await benchmarks[bench]!();
  if (tasks.length === 0 || (task !== "" && task !== "*")) return [spec];
  return usual.map((one) => ({ ...spec, name: `${bench}/${one}` }));
}

function splitName(name: string): [string, string] {
  const [bench, ...rest] = name.split("/");
  if (!Object.hasOwn(benchmarks, bench!)) {
    const names = Object.keys(benchmarks);
    refuseTask(name, nearest(bench!, names), names);
  }
  return [bench!, rest.join("/")];
}

function refuseTask(name: string, close: string | null, names: readonly string[]): never {
  const hint = close === null ? `expected one of ${names.join(", ")}` : `did you mean "${close}"?`;
  throw new UsageError(`Cannot use task "${name}": ${hint}`);
}
