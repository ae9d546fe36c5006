/** Studies without a model: what runs units makes answers up, the same ones every time. */
import { expand, type Expansion, type StudyModel } from "../../lib/sweep/grid/expand.ts";
import { DEFAULT_GRID, type Grid } from "../../lib/sweep/grid/grid.ts";
import { Journal } from "../../lib/sweep/folder/journal.ts";
import type { Manifest } from "../../lib/sweep/folder/manifest.ts";
import type { Prediction, Timing } from "../../lib/sweep/folder/prediction.ts";
import type { Shard } from "../../lib/sweep/folder/shard.ts";
import { WHOLE } from "../../lib/sweep/folder/shard.ts";
import { runStudy, type StudyOutcome, type StudyRun, type UnitRunner } from "../../lib/sweep/study.ts";
import { writeManifest } from "../../lib/sweep/folder/folder.ts";
import type { SampleResult } from "../../lib/sweep/run/unit.ts";
import { BYTES } from "./byte_text.ts";

export const MODEL: StudyModel = { name: "toy", id: "0123456789abcdef", endpoint: null, text: BYTES, config: null };

/** Needles at two depths and two arms beside the full cache; cheap to make. */
export const GRID: Grid = {
  ...DEFAULT_GRID,
  models: ["toy"],
  methods: [{ name: "streaming", set: {}, files: {} }],
  budgets: ["64", "128"],
  tasks: [{ name: "niah", options: { depths: [10, 90] } }],
  lengths: ["700"],
  samples: 3,
};

export function expandToy(grid: Grid = GRID): Promise<Expansion> {
  return expand(grid, (name) => Promise.resolve({ ...MODEL, name }));
}

export function toyManifest(grid: Grid, { cells, expected }: Expansion, rocketkv = "1.0.0"): Manifest {
  const createdAt = "2026-01-01T00:00:00Z";
  return { version: 1, rocketkv, createdAt, grid: grid as unknown as Manifest["grid"], machine: {}, cells, expected };
}

/** A prediction that depends on its cell, sample and turn alone. */
export function toyPrediction(cell: string, sample: string, turn = 0, fields: Partial<Prediction> = {}): Prediction {
  return {
    sample,
    turn,
    group: sample.split("/")[0]!,
    depth: null,
    prompt: "0123456789ab",
    promptTokens: 600,
    truncatedTokens: 0,
    maxNewTokens: 16,
    answer: `${cell} "${sample}" é`,
    ids: [1, 2],
    finish: "eos",
    scoring: { metric: "match_all", references: ["x"] },
    scores: { score: 1 },
    promptTail: "…",
    cache: null,
    ...fields,
  };
}

/** A timing that is another one every time. */
export function toyTiming(sample: string, turn = 0): Timing {
  return {
    sample,
    turn,
    prefillMs: performance.now(),
    compressMs: 0,
    decodeMs: 1,
    ttftMs: 1,
    selectMs: 0,
    attendMs: 0,
    linearMs: 0,
    newTokens: 2,
    prefilledTokens: 600,
    arms: 3,
    peakBytes: 0,
    host: "here",
    device: "toy",
    startedAt: new Date().toISOString(),
  };
}

/** Counts what it ran: `cell sample`, once for every arm. */
export class ToyRunner implements UnitRunner {
  readonly ran: string[] = [];
  open = 0;

  /** @param before  Called before each sample; may throw. @param turns  Of every sample. */
  constructor(readonly before: (sample: string, cells: readonly string[]) => void = () => {}, readonly turns = 2) {}

  async *run(unit: Parameters<UnitRunner["run"]>[0]): AsyncGenerator<SampleResult> {
    this.open++;
    try {
      for (const sample of unit.group.keys.filter((key) => !unit.done.has(key))) {
        const cells = unit.arms.map(({ cell }) => cell);
        await Promise.resolve();
        this.before(sample, cells);
        this.ran.push(...cells.map((cell) => `${cell} ${sample}`));
        const turns = Array.from({ length: this.turns }, (_, turn) => turn);
        const answers = cells.flatMap((cell) =>
          turns.map((turn) => ({
            cell,
            prediction: toyPrediction(cell, sample, turn),
            timing: toyTiming(sample, turn),
          }))
        );
        yield { sample, answers };
      }
    } finally {
      this.open--;
    }
  }

  [Symbol.dispose](): void {}
}

/** Run what is left of a toy study in a folder, as one shard. */
export async function runToy(
  path: string,
  runner: UnitRunner,
  { grid = GRID, shard = WHOLE, ...options }: { grid?: Grid; shard?: Shard } & Partial<StudyRun> = {},
): Promise<StudyOutcome> {
  const expansion = await expandToy(grid);
  await writeManifest(path, toyManifest(grid, expansion));
  const journal = await Journal.open(path, expansion.cells, shard);
  const { signal: stop } = new AbortController();
  return await runStudy({ ...expansion, journal, openRunner: () => Promise.resolve(runner), stop, ...options });
}

/** Every file of a run folder below `cells`, but times: name to text. */
export function predictionFiles(path: string, name = /predictions\.jsonl$/): Record<string, string> {
  const files: Record<string, string> = {};
  for (const cell of Deno.readDirSync(`${path}/cells`)) {
    for (const file of Deno.readDirSync(`${path}/cells/${cell.name}`)) {
      if (!name.test(file.name)) continue;
      files[`${cell.name}/${file.name}`] = Deno.readTextFileSync(`${path}/cells/${cell.name}/${file.name}`);
    }
  }
  return files;
}

export async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-study-" });
  try {
    await body(`${folder}/run`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
