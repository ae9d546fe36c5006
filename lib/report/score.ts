/** Scores of cells and arms with their intervals, and differences of arms on the same samples. Shares from 0 to 1. */
import { averageResamples, type Cluster, percentileInterval, resampledMeans } from "../statistics/bootstrap.ts";
import { clusteredWilson, type Interval, unanimous } from "../statistics/intervals.ts";
import { mcNemar, signFlip } from "../statistics/paired.ts";
import { mean } from "../statistics.ts";
import { isRightOrWrong } from "../tasks/metrics/registry.ts";
import { remember } from "./remember.ts";
import type { Observation, StudyCell } from "./study.ts";

export interface Score {
  /** Answers, and contexts that they share. */
  readonly n: number;
  readonly groups: number;
  /** Mean over answers of one cell; plain mean over the cells of several. */
  readonly value: number;
  /** Null where it is not known: of what is not only right or wrong, with too few contexts or all of them alike. */
  readonly interval: Interval | null;
}

/** With fewer contexts, draws of them say nothing, and no test by contexts can find a difference: 2 of 2^5 signs are 0.06. */
export const ENOUGH_CONTEXTS = 6;

/** One arm less another, on the samples that both have. */
export interface Delta {
  /** Answers that were compared, and contexts that they share. */
  readonly n: number;
  readonly groups: number;
  readonly value: number;
  /** Null where it is not known: with fewer than `ENOUGH_CONTEXTS`, or where all of them differ by the same and are not only right or wrong. */
  readonly interval: Interval | null;
  /** Probability of a difference this large between arms that are as good. */
  readonly p: number;
  readonly test: "McNemar" | "sign flip";
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
}

/** Answers of one cell that were compared. */
export interface Difference {
  readonly id: string;
  readonly group: string;
  readonly value: number;
  /** Whether both can only be right or wrong. */
  readonly binary: boolean;
}

/**
 * Score of an arm over those cells that have answers, which weigh alike; null without any. Whoever shows it says PARTIAL
 * where some have none.
 */
export function scoreOf(all: readonly StudyCell[]): Score | null {
  const cells = all.filter(({ observations }) => observations.size > 0);
  if (cells.length === 0) return null;
  const strata = cells.map(clustersOf);
  const values = strata.map((clusters) => mean(clusters.flat()));
  return {
    n: strata.flat(2).length,
    groups: strata.flat().length,
    value: mean(values),
    interval: intervalOf(
      strata,
      cells.every(isBinary),
      (i) => remember(resampledScores, cells[i]!, () => resampledMeans(strata[i]!, cells[i]!.setting)),
    ),
  };
}

/** Over cells that have some, which weigh alike; null without any. @param all  [cells][answers]. @param names  Of the cells. */
export function deltaOf(all: readonly (readonly Difference[])[], names: readonly string[]): Delta | null {
  const differences = all.filter((own) => own.length > 0), labels = names.filter((_, i) => all[i]!.length > 0);
  if (differences.length === 0) return null;
  const strata = differences.map((own) => clusters(own.map(({ group, value }) => [group, value])));
  const values = differences.flat().map(({ value }) => value);
  const wins = values.filter((value) => value > 0).length, losses = values.filter((value) => value < 0).length;
  // Cells of one size weigh alike, so that their answers are those of one.
  const independent = strata.every((own) =>
    own.length === strata[0]!.length && own.every(({ length }) => length === 1)
  );
  const binary = differences.flat().every((one) => one.binary);
  const test = independent && binary ? "McNemar" : "sign flip";
  return {
    n: values.length,
    groups: strata.flat().length,
    value: mean(strata.map((own) => mean(own.flat()))),
    interval: deltaInterval(
      strata,
      binary,
      (i) => remember(resampledDifferences, differences[i]!, () => resampledMeans(strata[i]!, labels[i]!)),
    ),
    p: test === "McNemar" ? mcNemar(wins, losses) : signFlip(strata, labels.join()),
    test,
    wins,
    ties: values.length - wins - losses,
    losses,
  };
}

/** `a` less `b` on what both answered, of prompts that are the same. */
export function differences(a: StudyCell, b: StudyCell): Difference[] {
  return [...a.observations.values()].flatMap((one) => {
    const other = b.observations.get(one.id);
    if (other === undefined || !sameSample(one, other, a.config.modelId === b.config.modelId)) return [];
    const binary = isRightOrWrong(one.prediction.scoring) && isRightOrWrong(other.prediction.scoring);
    return [{ id: one.id, group: one.prediction.group, value: one.score - other.score, binary }];
  });
}

/** Cells against the full cache on the samples that both have; null without any, and for the full cache itself. */
export function deltaToFull(cells: readonly StudyCell[]): Delta | null {
  if (cells.length === 0 || cells.some((cell) => cell.full === null || cell.full === cell)) return null;
  const known = remember(deltas, cells[0]!, () => new Map<string, Delta | null>());
  const key = cells.map(({ id }) => id).join();
  if (!known.has(key)) {
    const own = cells.map((cell) => remember(toFull, cell, () => differences(cell, cell.full!)));
    known.set(key, deltaOf(own, cells.map((cell) => cell.setting)));
  }
  return known.get(key)!;
}

/** By the first of the cells, and all their ids: tables, charts and verdicts ask for the same ones. */
const deltas = new WeakMap<StudyCell, Map<string, Delta | null>>();
/** A cell is part of several averages. */
const toFull = new WeakMap<StudyCell, readonly Difference[]>();
const resampledDifferences = new WeakMap<readonly Difference[], Float64Array>();
const resampledScores = new WeakMap<StudyCell, Float64Array>();

/** Later turns may see answers of the arm's own, and other models cut text otherwise: references are the same all the same. */
function sameSample(a: Observation, b: Observation, sameModel: boolean): boolean {
  if (sameModel && a.prediction.turn === 0 && a.prediction.prompt !== b.prediction.prompt) return false;
  return JSON.stringify(a.prediction.scoring.references) === JSON.stringify(b.prediction.scoring.references);
}

function clustersOf(cell: StudyCell): number[][] {
  return clusters([...cell.observations.values()].map(({ prediction, score }) => [prediction.group, score]));
}

function clusters(values: readonly (readonly [group: string, value: number])[]): number[][] {
  return [...Map.groupBy(values, ([group]) => group).values()].map((own) => own.map(([, value]) => value));
}

function isBinary({ observations }: StudyCell): boolean {
  return observations.values().every(({ prediction }) => isRightOrWrong(prediction.scoring));
}

/**
 * Of a plain mean over strata. Where draws of contexts say nothing, Wilson's interval knows how many answers they are.
 *
 * @param strata    [cells][contexts][scores]
 * @param binary    Whether all scores are of metrics that are 0 or 1.
 * @param resample  Resampled means of one of the strata.
 */
export function intervalOf(
  strata: readonly (readonly Cluster[])[],
  binary: boolean,
  resample: (stratum: number) => Float64Array,
): Interval | null {
  if (binary && strata.length === 1) return clusteredWilson(strata[0]!);
  const drawn = resampledInterval(strata, resample);
  if (drawn !== null) return drawn;
  const sizes = new Set(strata.map((own) => own.flat().length));
  return binary && sizes.size === 1 ? clusteredWilson(strata.flat()) : null;
}

function deltaInterval(
  strata: readonly (readonly Cluster[])[],
  binary: boolean,
  resample: (stratum: number) => Float64Array,
): Interval | null {
  const drawn = resampledInterval(strata, resample);
  if (drawn !== null) return drawn;
  const means = strata.flat().map(mean), [first] = means;
  const alike = means.every((value) => Math.abs(value - first!) < TINY);
  return binary && alike && means.length >= ENOUGH_CONTEXTS ? unanimous(first!, means.length) : null;
}

/** Null with too few contexts, and where all draws are the same. */
function resampledInterval(
  strata: readonly (readonly Cluster[])[],
  resample: (stratum: number) => Float64Array,
): Interval | null {
  if (strata.flat().length < ENOUGH_CONTEXTS) return null;
  const interval = percentileInterval(averageResamples(strata.map((_, i) => resample(i))));
  return interval[1] - interval[0] < TINY ? null : interval;
}

/** Means that are equal but for rounding are the same. */
const TINY = 1e-12;
