/**
 * A grid: models x methods x budgets x tasks x lengths x seeds x moments x KV types, less what rules leave out. It is plain
 * data, written into the run's manifest as it was asked for; `expand.ts` makes cells of it.
 */
import type { KvType } from "../../methods/kv_format.ts";
import type { Json } from "../../tasks/sample.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import { canonicalJson } from "./cell.ts";
import { sha256 } from "../../model/sha256.ts";
import type { Moment, Truncation } from "../run/unit.ts";

export const SCORERS = ["auto", "official", "fixed"] as const;

/** A method, with numbers and files of its own. The same method may be there twice with different ones. */
export interface GridMethod {
  readonly name: string;
  readonly set: Readonly<Record<string, number>>;
  /** Paths by kind. */
  readonly files: Readonly<Record<string, string>>;
}

/** A task, or all of a benchmark's. */
export interface GridTask extends TaskSpec {
  /** Instead of the grid's. */
  readonly methods?: readonly GridMethod[];
  readonly budgets?: readonly string[];
  readonly lengths?: readonly string[];
  readonly samples?: number;
}

/** Matches cells by the axes that it names: one value, or any of several. `*` in a task stands for any letters. */
export interface GridRule {
  readonly model?: readonly string[];
  readonly method?: readonly string[];
  readonly budget?: readonly string[];
  readonly task?: readonly string[];
  readonly length?: readonly string[];
  readonly seed?: readonly number[];
  readonly moment?: readonly string[];
  readonly kvType?: readonly string[];
}

export interface Grid {
  readonly models: readonly string[];
  readonly methods: readonly GridMethod[];
  /** `256` tokens, or `16x` for a ratio. */
  readonly budgets: readonly string[];
  readonly tasks: readonly GridTask[];
  /** `4096` tokens or `2048w` words; tasks whose files decide ignore them. */
  readonly lengths: readonly string[];
  readonly seeds: readonly number[];
  readonly moments: readonly Moment[];
  readonly kvTypes: readonly KvType[];
  /** Per task, length and seed; a task at depths has as many at each. */
  readonly samples: number;
  readonly truncate: Truncation;
  /** `auto`: `official` for official data, `fixed` for ours. */
  readonly scorer: typeof SCORERS[number];
  /** Address of a server that runs the model; null when this process does. */
  readonly endpoint: string | null;
  /** What tables call the server's cache; null for `full`. */
  readonly label: string | null;
  /** Only cells that match any of these are made; none means all. */
  readonly include: readonly GridRule[];
  /** Cells that match any of these are left out. */
  readonly exclude: readonly GridRule[];
}

/** What a grid has where nothing is said. */
export const DEFAULT_GRID: Grid = {
  models: ["smollm2"],
  methods: ["rocketkv", "snapkv", "quest", "streaming"].map((name) => ({ name, set: {}, files: {} })),
  budgets: ["128", "256"],
  tasks: [],
  lengths: ["1024", "2048"],
  seeds: [0],
  moments: ["query-aware"],
  kvTypes: ["bf16"],
  samples: 5,
  truncate: "refuse",
  scorer: "auto",
  endpoint: null,
  label: null,
  include: [],
  exclude: [],
};

/** First 8 hexadecimal digits of a grid's SHA-256: the name of its run folder. */
export function gridHash(grid: Grid): string {
  const hash = sha256();
  hash.update(new TextEncoder().encode(canonicalJson(grid as unknown as Json)));
  return hash.hex().slice(0, 8);
}
