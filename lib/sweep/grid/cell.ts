/** A cell of a grid: one arm on one task. Its id is made of everything that its predictions depend on. */
import { sha256 } from "../../model/sha256.ts";
import type { DataMode, Json } from "../../tasks/sample.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import type { ScoreMode } from "../../tasks/metrics/metric.ts";
import type { Moment, Truncation } from "../run/unit.ts";

/** JSON data, stored as `config.json`. How many samples are made is no part of it: more of them only add lines. */
export interface CellConfig {
  /** As it was named, and what identifies its files. */
  readonly model: string;
  readonly modelId: string;
  /** Address of the server that runs the model; null when this process does. */
  readonly endpoint: string | null;
  readonly method: string;
  /** `256` tokens, `16x`, or null for a method without a budget. */
  readonly budget: string | null;
  readonly set: Readonly<Record<string, number>>;
  /** SHA-256 of each method file by kind. */
  readonly methodFiles: Readonly<Record<string, string>>;
  readonly kvType: string;
  readonly task: TaskSpec;
  readonly dataMode: DataMode;
  readonly dataId: string;
  /** `4096` tokens, `2048w` words, or null where files decide. */
  readonly length: string | null;
  readonly seed: number;
  readonly moment: Moment;
  readonly history: string;
  readonly tokenise: string;
  readonly truncate: Truncation;
  readonly scorer: ScoreMode;
}

export interface Cell {
  /** First 16 hexadecimal digits of the SHA-256 of the configuration's canonical JSON. */
  readonly id: string;
  readonly config: CellConfig;
}

/** A configuration with its id. */
export function cellOf(config: CellConfig): Cell {
  const hash = sha256();
  hash.update(new TextEncoder().encode(canonicalJson(config as unknown as Json)));
  return { id: hash.hex().slice(0, 16), config };
}

/** JSON with sorted names and no white space: the same data gives the same text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value as { [name: string]: Json }).toSorted(([a], [b]) => a < b ? -1 : 1);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(",")}}`;
}
