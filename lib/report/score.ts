/** Scores of cells and arms with their intervals, and differences of arms on the same samples. Shares from 0 to 1. */
import { averageResamples, type Cluster, percentileInterval, resampledMeans } from "../statistics/bootstrap.ts";
import { clusteredWilson, type Interval } from "../statistics/intervals.ts";
import { mcNemar, signFlip } from "../statistics/paired.ts";
import { mean } from "../statistics.ts";
import { remember } from "./remember.ts";
import type { Observation, StudyCell } from "./study.ts";

export interface Score {
  /** Answers, and contexts that they share. */
  readonly n: number;
  readonly groups: number;
  /** Mean over answers of one cell; plain mean over the cells of several. */
  readonly value: number;
  readonly interval: Interval;
}

/** One arm less another, on the samples that both have. */
export interface Delta {
  readonly n: number;
  readonly value: number;
  readonly interval: Interval;
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
    interval: strata.length === 1 && isBinary(strata[0]!)
      ? clusteredWilson(strata[0]!)
      : resampledInterval(strata, cells),
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
  const test = independent && values.every((value) => Number.isInteger(value)) ? "McNemar" : "sign flip";
  return {
    n: values.length,
    value: mean(strata.map((own) => mean(own.flat()))),
    interval: percentileInterval(
      averageResamples(
        strata.map((own, i) => remember(resampledDifferences, differences[i]!, () => resampledMeans(own, labels[i]!))),
      ),
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
    return [{ id: one.id, group: one.prediction.group, value: one.score - other.score }];
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

function isBinary(strata: readonly Cluster[]): boolean {
  return strata.every((own) => own.every((value) => value === 0 || value === 1));
}

function resampledInterval(strata: readonly (readonly Cluster[])[], cells: readonly StudyCell[]): Interval {
  const interval = percentileInterval(averageResamples(
    cells.map((cell, i) => remember(resampledScores, cell, () => resampledMeans(strata[i]!, cell.setting))),
  ));
  // Where all contexts agree, drawing them again shows nothing else: Wilson's interval knows how many answers they are.
  const all = strata.flat();
  return interval[0] === interval[1] && isBinary(all) ? clusteredWilson(all) : interval;
}
