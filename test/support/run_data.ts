/** Runs with known statistics, and without a model: what reports are tested on. */
import { type Cell, type CellConfig, cellOf } from "../../lib/sweep/grid/cell.ts";
import type { CellResults, Run } from "../../lib/sweep/folder/manifest.ts";
import type { CacheUse, Prediction, Timing } from "../../lib/sweep/folder/prediction.ts";
import { Dice } from "../../lib/tasks/dice.ts";

export interface ArmData {
  readonly method: string;
  readonly budget: string | null;
  readonly set?: Readonly<Record<string, number>>;
  /** How likely each answer is right, for a sample of this difficulty from 0 to 1. */
  readonly rate: (difficulty: number, place: { readonly length: number; readonly depth: number | null }) => number;
  /** Full bytes over read bytes. */
  readonly ratio: number;
}

export interface RunData {
  readonly path?: string;
  readonly tasks?: readonly string[];
  readonly lengths?: readonly number[];
  readonly samples?: number;
  /** Percent; samples are made at each of them, on one context. */
  readonly depths?: readonly number[] | null;
  readonly turns?: number;
  readonly arms?: readonly ArmData[];
  readonly config?: Partial<CellConfig>;
  /** Samples of every cell that have an answer. @default all */
  readonly done?: number;
  /** Answers that ran out of memory: `cell` labels such as `snapkv 256`. @default none */
  readonly outOfMemory?: (arm: ArmData, length: number) => boolean;
}

/** The full cache, RocketKV that hardly loses, SnapKV that loses with depth, and StreamingLLM that sees the ends only. */
export const ARMS: readonly ArmData[] = [
  { method: "full", budget: null, ratio: 1, rate: (hard) => hard < 0.95 ? 1 : 0 },
  { method: "rocketkv", budget: "128", ratio: 26, rate: (hard) => hard < 0.85 ? 1 : 0 },
  { method: "rocketkv", budget: "256", ratio: 13, rate: (hard) => hard < 0.94 ? 1 : 0 },
  { method: "snapkv", budget: "128", ratio: 32, rate: (hard) => hard < 0.5 ? 1 : 0 },
  { method: "snapkv", budget: "256", ratio: 16, rate: (hard) => hard < 0.65 ? 1 : 0 },
  { method: "snapkv", budget: "512", ratio: 8, rate: (hard) => hard < 0.8 ? 1 : 0 },
  {
    method: "streaming",
    budget: "256",
    ratio: 15,
    rate: (hard, { depth }) => depth === null ? (hard < 0.3 ? 1 : 0) : depth > 85 || depth === 0 ? 1 : 0,
  },
];

/** The same data gives the same run; arms are right or wrong about the same samples as far as their rates allow. */
export function runOf(data: RunData = {}): Run {
  const { path = "runs/test", tasks = ["ruler/vt", "ruler/cwe"], lengths = [4096], samples = 50, depths = null } = data;
  const { turns = 1, arms = ARMS, done = samples } = data;
  const keys = Array.from({ length: samples }, (_, i) => `${i}`)
    .flatMap((key) => (depths ?? [null]).map((depth) => ({ key: depth === null ? key : `${key}/${depth}`, depth })));
  const cells: CellResults[] = [];
  for (const task of tasks) {
    for (const length of lengths) {
      for (const arm of arms) {
        const cell = cellOf(configOf(task, length, arm, data.config));
        const answered = keys.filter(({ key }) => parseInt(key, 10) < done);
        const failed = data.outOfMemory?.(arm, length) ?? false;
        const lines = answered.flatMap(({ key, depth }) =>
          Array.from({ length: turns }, (_, turn) => prediction(cell, arm, { key, depth, turn, length, failed }))
        );
        cells.push({
          ...cell,
          expected: keys.map(({ key }) => key),
          predictions: lines,
          timings: failed ? [] : lines.map((line) => timing(line, arm, length)),
        });
      }
    }
  }
  return {
    path,
    cells,
    manifest: {
      version: 1,
      rocketkv: "0.1.0",
      createdAt: "2025-06-01T10:00:00Z",
      grid: { tasks, lengths, samples },
      machine: { cpu: "test", threads: 2 },
      cells: cells.map(({ id, config }) => ({ id, config })),
      expected: cells.map(({ id, expected }) => ({ cells: [id], samples: expected })),
    },
  };
}

function configOf(task: string, length: number, arm: ArmData, config: Partial<CellConfig> = {}): CellConfig {
  return {
    model: "tiny",
    modelId: "0123456789abcdef",
    endpoint: null,
    method: arm.method,
    budget: arm.budget,
    set: arm.set ?? {},
    methodFiles: {},
    kvType: "bf16",
    task: { name: task, options: {} },
    dataMode: "native",
    dataId: "1",
    length: `${length}`,
    seed: 42,
    moment: "query-aware",
    history: "golden",
    tokenise: "split",
    truncate: "refuse",
    scorer: "official",
    ...config,
  };
}

function prediction(
  { config }: Cell,
  arm: ArmData,
  { key, depth, turn, length, failed }: {
    key: string;
    depth: number | null;
    turn: number;
    length: number;
    failed: boolean;
  },
): Prediction {
  const name = `${config.task.name}/${length}/${config.seed}/${key}/${turn}`;
  const difficulty = new Dice(config.seed, name).below(1000) / 1000;
  const right = arm.rate(difficulty, { length, depth }) >= 1;
  const reference = new Dice(config.seed, `${name}/key`).digits(7);
  const common = {
    sample: key,
    turn,
    group: key.split("/")[0]!,
    depth,
    prompt: new Dice(config.seed, `${name}/prompt`).digits(12),
    promptTokens: length - 100,
    truncatedTokens: 0,
    maxNewTokens: 100,
    scoring: { metric: "match_all" as const, references: [reference] },
    promptTail: `... and so on <b>&amp;</b>.\nWhat is the special number of sample ${key}? Answer: `,
  };
  if (failed) {
    const error = "out of memory: 12 GiB wanted, 8 GiB free";
    return { ...common, answer: "", ids: [], finish: "error", error, scores: null, cache: null };
  }
  const answer = right ? `The number is ${reference}.` : `I think it is <script>${reference.slice(3)}</script>.`;
  return {
    ...common,
    answer,
    ids: [1, 2, 3],
    finish: "eos",
    scores: { score: right ? 1 : 0 },
    cache: cacheOf(arm, length, right),
  };
}

function cacheOf({ ratio, budget }: ArmData, length: number, right: boolean): CacheUse {
  const full = length * 1024, tokens = length / ratio;
  return {
    tokenBudget: budget === null ? length : parseInt(budget, 10),
    measuredBudget: tokens,
    storedBytes: full / Math.sqrt(ratio),
    auxBytes: ratio === 1 ? 0 : full / 32,
    readBytesPerStep: full / ratio,
    fullStoredBytes: full,
    fullReadBytesPerStep: full,
    kept: { mean: length / Math.sqrt(ratio), min: tokens, max: length },
    goldKept: ratio === 1 ? [1, 1, 1, 1] : right ? [1, 0.9, 1, 0.8] : [0.4, 0.1, 0, 0.2],
  };
}

function timing({ sample, turn }: Prediction, { ratio }: ArmData, length: number): Timing {
  return {
    sample,
    turn,
    prefillMs: length / 10,
    compressMs: ratio === 1 ? 0 : 12,
    decodeMs: 80 + 120 / ratio,
    ttftMs: length / 10 + 12,
    selectMs: ratio === 1 ? 0 : 6,
    attendMs: 120 / ratio,
    linearMs: 74,
    newTokens: 16,
    prefilledTokens: length,
    arms: ARMS.length,
    peakBytes: length * 4096,
    host: "host",
    device: "cpu",
    startedAt: "2025-06-01T10:00:00Z",
  };
}
