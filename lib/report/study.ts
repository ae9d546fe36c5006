/** Runs as reports see them: cells with their samples, side by side with the full cache's. */
import type { CellConfig } from "../sweep/grid/cell.ts";
import type { CellResults, Manifest, Run } from "../sweep/folder/manifest.ts";
import type { Prediction, Timing } from "../sweep/folder/prediction.ts";
import { keyOf } from "../sweep/folder/results.ts";
import { type Arm, armOf, type Frame, frameOf, isFull, settingKey } from "./identity.ts";

/** An answer that was scored. */
export interface Observation {
  /** Of its sample and turn: what pairs are made by. */
  readonly id: string;
  readonly score: number;
  readonly prediction: Prediction;
  readonly timing: Timing | null;
}

export interface StudyCell {
  readonly id: string;
  readonly config: CellConfig;
  readonly frame: Frame;
  readonly arm: Arm;
  readonly setting: string;
  readonly observations: ReadonlyMap<string, Observation>;
  /** Answers that there are none of, with the reason; they count as missing, never as wrong. */
  readonly failures: readonly Prediction[];
  /** Samples that were asked for and have no answer yet. */
  readonly missing: number;
  readonly expected: number;
  /** The full cache on the same samples; itself for the full cache's own cell; null where it was not run. */
  readonly full: StudyCell | null;
}

export interface Study {
  readonly manifests: readonly Manifest[];
  readonly paths: readonly string[];
  readonly cells: readonly StudyCell[];
}

/** Cells that several runs have are one, with the samples of all of them. */
export function studyOf(runs: readonly Run[]): Study {
  const byId = Map.groupBy(runs.flatMap((run) => run.cells), ({ id }) => id);
  const cells = [...byId.values()].map(unite).map(cellOf);
  const full = cells.filter(({ config }) => isFull(config));
  const bySetting = Map.groupBy(full, ({ setting }) => setting);
  for (const cell of cells) {
    const own = bySetting.get(cell.setting) ?? [];
    cell.full = own.find(({ config }) => config.kvType === cell.config.kvType) ?? own[0] ??
      // What the full cache answers does not depend on when others compress.
      full.find(({ config }) => sameButMoment(config, cell.config)) ?? null;
  }
  return { manifests: runs.map(({ manifest }) => manifest), paths: runs.map(({ path }) => path), cells };
}

function unite(same: readonly CellResults[]): CellResults {
  if (same.length === 1) return same[0]!;
  const each = <T extends { sample: string; turn: number }>(
    of: (cell: CellResults) => readonly T[],
  ) => [...new Map(same.flatMap(of).map((line) => [keyOf(line), line])).values()];
  return {
    ...same[0]!,
    predictions: each(({ predictions }) => predictions),
    timings: each(({ timings }) => timings),
    expected: [...new Set(same.flatMap(({ expected }) => expected))],
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function cellOf({ id, config, predictions, timings, expected }: CellResults): Writable<StudyCell> {
  const times = new Map(timings.map((timing) => [keyOf(timing), timing]));
  const scored = predictions.filter((prediction) => prediction.scores !== null).map((prediction): Observation => ({
    id: keyOf(prediction),
    score: prediction.scores!.score,
    prediction,
    timing: times.get(keyOf(prediction)) ?? null,
  }));
  const there = new Set(predictions.map(({ sample }) => sample));
  return {
    id,
    config,
    frame: frameOf(config),
    arm: armOf(config),
    setting: settingKey(config),
    observations: new Map(scored.map((observation) => [observation.id, observation])),
    failures: predictions.filter(({ scores }) => scores === null),
    missing: expected.filter((sample) => !there.has(sample)).length,
    expected: expected.length,
    full: null,
  };
}

/** Whether all that was asked for is there, and scored. */
export function isComplete({ missing, failures, expected }: StudyCell): boolean {
  return expected > 0 && missing === 0 && failures.length === 0;
}

function sameButMoment(a: CellConfig, b: CellConfig): boolean {
  return settingKey({ ...a, moment: b.moment }) === settingKey(b);
}
