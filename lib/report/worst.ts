/** Samples that an arm lost and the full cache did not: what to look at first. */
import type { Board, BoardArm } from "./boards.ts";
import { differences } from "./score.ts";
import type { Observation, StudyCell } from "./study.ts";

export interface WorstSample {
  readonly cell: StudyCell;
  readonly full: Observation;
  readonly own: Observation;
  /** Own score less the full cache's: below 0. */
  readonly difference: number;
}

/** Of the arm that the verdict is about, and of every other method. */
const MOST = 6, MOST_OF_OTHERS = 2;

/** @param first  The arm that most are shown of; null for none. */
export function worstSamples({ arms }: Board, first: BoardArm | null): WorstSample[] {
  const series = Map.groupBy(arms.filter(({ arm }) => !arm.isFull), ({ arm }) => arm.series);
  const others = [...series.values()].map((own) => own.at(-1)!).filter(({ arm }) => arm.series !== first?.arm.series);
  return [
    ...(first === null ? [] : worstOf(first, MOST)),
    ...others.flatMap((arm) => worstOf(arm, MOST_OF_OTHERS)),
  ];
}

function worstOf({ cells }: BoardArm, most: number): WorstSample[] {
  return cells.flatMap((cell) => {
    const { full } = cell;
    if (full === null || full === cell) return [];
    return differences(cell, full).filter(({ value }) => value < 0).map(({ id, value }) => ({
      cell,
      full: full.observations.get(id)!,
      own: cell.observations.get(id)!,
      difference: value,
    }));
  }).toSorted((a, b) => a.difference - b.difference).slice(0, most);
}
