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
export function worstSamples({ arms, benchmark }: Board, first: BoardArm | null): WorstSample[] {
  if (benchmark === "fidelity") return []; // nothing was answered
  const series = Map.groupBy(arms.filter(({ arm }) => !arm.isFull), ({ arm }) => arm.series);
  const others = [...series.values()].map((own) => own.at(-1)!).filter(({ arm }) => arm.series !== first?.arm.series);
  return [
    ...(first === null ? [] : worstOf(first, MOST)),
    ...others.flatMap((arm) => worstOf(arm, MOST_OF_OTHERS)),
  ];
}

function worstOf({ cells }: BoardArm, most: number): WorstSample[] {
  const all = cells.flatMap((cell) => {
    const { full } = cell;
    if (full === null || full === cell) return [];
    return differences(cell, full).filter(({ value }) => value < 0).map(({ id, value }) => ({
      cell,
      full: full.observations.get(id)!,
      own: cell.observations.get(id)!,
      difference: value,
    }));
  }).toSorted((a, b) => a.difference - b.difference);
  return varied(all).slice(0, most);
}

/** The first of every cell and context before the second of any: ten depths of one haystack say the same ten times. */
function varied(samples: readonly WorstSample[]): WorstSample[] {
  const contexts = Map.groupBy(samples, ({ cell, own }) => `${cell.id} ${own.prediction.group}`);
  const cells = Map.groupBy([...contexts.values()], ([first]) => first!.cell.id);
  const rank = ({ cell, own }: WorstSample, place: number) =>
    place * samples.length +
    cells.get(cell.id)!.findIndex(([first]) => first!.own.prediction.group === own.prediction.group);
  return [...contexts.values()].flatMap((list) => list.map((sample, place) => ({ sample, rank: rank(sample, place) })))
    .toSorted((a, b) => a.sample.difference - b.sample.difference || a.rank - b.rank)
    .map(({ sample }) => sample);
}
