/** Averages over tasks and lengths, by the names that the benchmarks' authors and readers give them. */
import { mean } from "../statistics.ts";
import type { Board, BoardArm } from "./boards.ts";
import { scoreOf } from "./score.ts";
import { isComplete, type StudyCell } from "./study.ts";

export interface Aggregate {
  /** `mean`, or a benchmark's own. */
  readonly name: string;
  /** `4096`, `2048w`; null over all lengths. */
  readonly length: string | null;
  /** From 0 to 1; null where nothing can be averaged. */
  readonly value: number | null;
  /** Tasks and lengths that were asked for and are missing or unfinished: not empty is PARTIAL. */
  readonly lacks: readonly string[];
  /** Cells that a plain mean is of, so that it has an interval; null for others. */
  readonly cells: readonly StudyCell[] | null;
}

/** Everything that is averaged of one arm. */
export function aggregatesOf(board: Board, arm: BoardArm): Aggregate[] {
  const lengths = lengthsOf(board.arms.flatMap(({ cells }) => cells));
  return [...(lengths.length > 1 ? lengths : []), null].map((length) => plainMean(board, arm, length));
}

/** Lengths of cells, ascending; null first, for tasks whose files decide. */
export function lengthsOf(cells: readonly StudyCell[]): (string | null)[] {
  return [...new Set(cells.map(({ config }) => config.length))]
    .toSorted((a, b) => parseInt(a ?? "0", 10) - parseInt(b ?? "0", 10));
}

function plainMean(board: Board, { cells }: BoardArm, length: string | null): Aggregate {
  const inLength = (cell: StudyCell) => length === null || cell.config.length === length;
  const wanted = new Map(board.arms.flatMap((arm) => arm.cells).filter(inLength).map((cell) => [cell.setting, cell]));
  const own = cells.filter(inLength), scored = own.filter((cell) => cell.observations.size > 0);
  const complete = new Set(own.filter(isComplete).map(({ setting }) => setting));
  return {
    name: "mean",
    length,
    value: scored.length === 0 ? null : mean(scored.map((cell) => scoreOf([cell])!.value)),
    lacks: [...wanted.values()].filter(({ setting }) => !complete.has(setting)).map(placeOf),
    cells: scored,
  };
}

/** `ruler/vt at 4096`. */
export function placeOf({ config }: StudyCell): string {
  return config.length === null ? config.task.name : `${config.task.name} at ${config.length}`;
}
