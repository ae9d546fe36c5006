/** What a cell's answers cost, as measured. */
import { mean } from "../statistics.ts";
import type { CacheUse } from "../sweep/folder/prediction.ts";
import type { StudyCell } from "./study.ts";

/** Means over answers, bytes of all layers. */
export interface Spend extends Omit<CacheUse, "kept" | "keptByLayer" | "goldKept"> {
  /** Bytes that a decode step reads of the full cache, over those that it read: how much was saved. */
  readonly ratio: number;
  /** The same of what is stored, what is kept beside K and V included. */
  readonly storedRatio: number;
  readonly keptTokens: number;
}

/** Null where no cache was seen, or none was read: behind an endpoint, or where one token was all of every answer. */
export function spendOf({ observations }: StudyCell): Spend | null {
  const uses = [...observations.values()].flatMap(({ prediction: { cache } }) =>
    cache === null || cache.readBytesPerStep === 0 ? [] : [cache]
  );
  if (uses.length === 0) return null;
  const of = (value: (use: CacheUse) => number) => mean(uses.map(value));
  const readBytesPerStep = of((use) => use.readBytesPerStep),
    fullReadBytesPerStep = of((use) => use.fullReadBytesPerStep);
  const storedBytes = of((use) => use.storedBytes), auxBytes = of((use) => use.auxBytes);
  const fullStoredBytes = of((use) => use.fullStoredBytes);
  return {
    ratio: fullReadBytesPerStep / readBytesPerStep,
    storedRatio: fullStoredBytes / (storedBytes + auxBytes),
    tokenBudget: of((use) => use.tokenBudget),
    measuredBudget: of((use) => use.measuredBudget),
    storedBytes,
    auxBytes,
    readBytesPerStep,
    fullStoredBytes,
    fullReadBytesPerStep,
    keptTokens: of((use) => use.kept.mean),
  };
}

/** Bytes that a step reads, as a mean over cells; null where one of them is not known. */
export function meanRead(cells: readonly StudyCell[]): number | null {
  const spends = cells.map(spendOf);
  return spends.some((spend) => spend === null) || spends.length === 0
    ? null
    : mean(spends.map((spend) => spend!.readBytesPerStep));
}

/** Geometric mean of the ratios of those cells where they are known; null where none is. */
export function meanRatio(cells: readonly StudyCell[]): number | null {
  const spends = cells.map(spendOf).filter((spend) => spend !== null);
  return spends.length === 0 ? null : Math.exp(mean(spends.map(({ ratio }) => Math.log(ratio))));
}

/** Milliseconds per answer by stage, and speed. */
export interface Pace {
  readonly tokensPerSecond: number | null;
  readonly ttftMs: number;
  readonly prefillMs: number;
  readonly compressMs: number;
  readonly decodeMs: number;
  readonly selectMs: number;
  readonly attendMs: number;
  readonly linearMs: number;
  readonly peakBytes: number;
}

/** Means over the answers of cells; null where no times were written down. */
export function paceOf(cells: readonly StudyCell[]): Pace | null {
  const timings = cells.flatMap(({ observations }) => [...observations.values()].flatMap(({ timing }) => timing ?? []));
  if (timings.length === 0) return null;
  const of = (name: keyof typeof timings[number] & (`${string}Ms` | "newTokens" | "peakBytes")) =>
    mean(timings.map((timing) => timing[name]));
  const decodeMs = of("decodeMs"), newTokens = of("newTokens");
  return {
    tokensPerSecond: decodeMs > 0 && newTokens > 0 ? newTokens / (decodeMs / 1000) : null, // fidelity makes no tokens
    ttftMs: of("ttftMs"),
    prefillMs: of("prefillMs"),
    compressMs: of("compressMs"),
    decodeMs,
    selectMs: of("selectMs"),
    attendMs: of("attendMs"),
    linearMs: of("linearMs"),
    peakBytes: Math.max(...timings.map(({ peakBytes }) => peakBytes)),
  };
}

/** Share of the tokens an answer rests on that each layer kept, as a mean over answers; null where nobody counted. */
export function goldKeptOf(cells: readonly StudyCell[]): number[] | null {
  return layerMeans(cells, ({ goldKept }) => goldKept);
}

/** Tokens that each layer kept, as a mean over those answers where layers differ; null without any. */
export function keptByLayerOf(cells: readonly StudyCell[]): number[] | null {
  return layerMeans(cells, ({ keptByLayer }) => keptByLayer);
}

function layerMeans(
  cells: readonly StudyCell[],
  of: (use: CacheUse) => readonly number[] | undefined,
): number[] | null {
  const known = cells.flatMap(({ observations }) =>
    [...observations.values()].flatMap(({ prediction: { cache } }) => {
      const layers = cache === null ? undefined : of(cache);
      return layers === undefined ? [] : [layers];
    })
  );
  return known[0]?.map((_, layer) => mean(known.map((layers) => layers[layer]!))) ?? null;
}
