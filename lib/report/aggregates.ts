/** Averages over tasks and lengths, by the names that the benchmarks' authors and readers give them. */
import { mean } from "../statistics.ts";
import type { Board, BoardArm } from "./boards.ts";
import { namedAverages } from "./named_averages.ts";
import { scoreOf } from "./score.ts";
import { isComplete, type StudyCell } from "./study.ts";

export interface Aggregate {
  /** `mean`, or a benchmark's own. */
  readonly name: string;
  /** `4096`, `2048w`; null over all lengths. */
  readonly length: string | null;
  /** From 0 to 1, or tokens; null where nothing can be averaged. */
  readonly value: number | null;
  readonly unit: "score" | "tokens";
  /** What it is of and is missing or unfinished: not empty is PARTIAL. */
  readonly lacks: readonly string[];
  /** Whether the run was asked for everything that it is of. */
  readonly asked: boolean;
  /** Cells that a plain mean is of, so that it has an interval; null for others. */
  readonly cells: readonly StudyCell[] | null;
}

/** Everything that is averaged of one arm: plain means, then the benchmark's own. The same ones for every arm of a board. */
export function aggregatesOf(board: Board, arm: BoardArm): Aggregate[] {
  const all = board.arms.flatMap(({ cells }) => cells), lengths = lengthsOf(all);
  const wanted = new Set(all.map(({ config }) => config.task.name));
  return [
    ...[...(lengths.length > 1 ? lengths : []), null].map((length) => plainMean(all, arm, length)),
    ...namedAverages(board.benchmark, arm.cells, lengths).map((average) => ({
      ...average,
      asked: average.of.every((task) => wanted.has(`${board.benchmark}/${task}`)),
      cells: null,
    })),
  ];
}

/** Lengths of cells, ascending; null first, for tasks whose files decide. */
export function lengthsOf(cells: readonly StudyCell[]): (string | null)[] {
  return [...new Set(cells.map(({ config }) => config.length))]
    .toSorted((a, b) => parseInt(a ?? "0", 10) - parseInt(b ?? "0", 10));
}

function plainMean(all: readonly StudyCell[], { cells }: BoardArm, length: string | null): Aggregate {
  const inLength = (cell: StudyCell) => length === null || cell.config.length === length;
  const wanted = new Map(all.filter(inLength).map((cell) => [cell.setting, cell]));
  const own = cells.filter(inLength), scored = own.filter((cell) => cell.observations.size > 0);
  const complete = new Set(own.filter(isComplete).map(({ setting }) => setting));
  return {
    name: "mean",
    length,
    value: scored.length === 0 ? null : mean(scored.map((cell) => scoreOf([cell])!.value)),
    unit: "score",
    lacks: [...wanted.values()].filter(({ setting }) => !complete.has(setting)).map(placeOf),
    asked: true,
    cells: scored,
  };
}

/** `ruler/vt at 4096`. */
export function placeOf({ config }: StudyCell): string {
  return config.length === null ? config.task.name : `${config.task.name} at ${config.length}`;
}
