/** What a cell of a grid is in a report: an arm, on one setting, in one frame. */
import { canonicalJson, type CellConfig } from "../sweep/grid/cell.ts";
import type { Json } from "../tasks/sample.ts";

/** Cells that may stand in one table and one picture: whatever differs here makes scores incomparable. */
export interface Frame {
  readonly key: string;
  readonly model: string;
  /** The other fields, for people: `query-aware, native data, official scorer`. */
  readonly conditions: string;
  /** Model and conditions one by one, each at its own place; empty where there is nothing to say. */
  readonly parts: readonly string[];
}

/** A method at one budget, with its settings and the format of its cache. */
export interface Arm {
  readonly key: string;
  readonly method: string;
  /** Whether this is the full cache as the model makes it, which all others are compared with. */
  readonly isFull: boolean;
  /** Everything but the budget: arms of one series are one curve. */
  readonly series: string;
  readonly budget: string | null;
  /** `rocketkv 256`, `snapkv 16x kernel=7`, `rocketkv 256 int4`, `full`. */
  readonly label: string;
}

export function frameOf(config: CellConfig): Frame {
  const { model, modelId, endpoint, moment, dataMode, scorer, truncate } = config;
  const conditions = [
    moment,
    `${dataMode} data`,
    `${scorer} scorer`,
    endpoint === null ? "" : "served",
    truncate === "refuse" ? "" : `cut at the ${truncate}`,
  ];
  return {
    key: keyOf({ model, modelId, served: endpoint !== null, moment, dataMode, scorer, truncate }),
    model,
    conditions: conditions.filter((one) => one !== "").join(", "),
    parts: [fileName(model), ...conditions],
  };
}

/** Models are named by their paths where they are files. */
export function fileName(model: string): string {
  return model.split("/").findLast((part) => part !== "") ?? model;
}

export function armOf(config: CellConfig): Arm {
  const { method, budget, set, methodFiles, kvType, endpoint } = config;
  const options = [
    ...Object.entries(set).map(([name, value]) => `${name}=${value}`),
    ...Object.entries(methodFiles).map(([kind, hash]) => `${kind} ${hash.slice(0, 6)}`),
    ...(kvType === "bf16" || isFull(config) ? [] : [kvType]),
  ];
  return {
    key: keyOf({ method, budget, set, methodFiles, kvType, endpoint }),
    method,
    isFull: isFull(config),
    series: [method, ...options].join(" "),
    budget,
    label: [method, ...(budget === null ? [] : [budget]), ...options].join(" "),
  };
}

/** Whether nothing is left out of the cache, and nothing of it is quantised. */
export function isFull({ method, kvType }: CellConfig): boolean {
  return method === "full" && !kvType.startsWith("int");
}

/** What arms share when they are run on the same samples: everything but themselves. Each of several servers is an arm. */
export function settingKey(config: CellConfig): string {
  const { method: _m, budget: _b, set: _s, methodFiles: _f, kvType: _k, endpoint, ...rest } = config;
  return keyOf({ ...rest, served: endpoint !== null });
}

/** Task and length, over all seeds. */
export function taskLengthKey({ task, length }: CellConfig): string {
  return keyOf({ task, length });
}

/** `ruler` of `ruler/vt`. Needle tasks with nothing to find are a kind of their own: `niah no-needle`. */
export function benchmarkOf({ task }: CellConfig): string {
  const name = task.name.split("/")[0]!, arm = task.options["arm"];
  return name === "niah" && typeof arm === "string" && arm !== "needle" ? `${name} ${arm}` : name;
}

/**
 * Names of tasks, as short as tells them apart: of their options only those are there that differ between tasks of one name.
 *
 * @returns Label by the canonical JSON of the task.
 */
export function taskLabels(configs: readonly CellConfig[]): Map<string, string> {
  const nameOf = (config: CellConfig) => config.task.name.includes("/") ? config.task.name : benchmarkOf(config);
  const byName = Map.groupBy(configs, nameOf);
  return new Map(configs.map((config) => {
    const { task } = config;
    const differs = ([name]: [string, Json]) =>
      new Set(byName.get(nameOf(config))!.map((other) => plain(other.task.options[name] ?? null))).size > 1;
    const options = Object.entries(task.options).filter(differs).map(([name, value]) => `${name}=${plain(value)}`);
    return [keyOf(task), [nameOf(config), ...options].join(" ")];
  }));
}

export function taskKey({ task }: CellConfig): string {
  return keyOf(task);
}

/** Tokens or words of `4096` and `2048w`; NaN where files decide. */
export function lengthCount(length: string | null): number {
  return length === null ? NaN : parseInt(length, 10);
}

function plain(value: Json): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function keyOf(value: object): string {
  return canonicalJson(value as unknown as Json);
}
