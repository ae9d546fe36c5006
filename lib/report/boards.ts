/** Cells gathered by what may be averaged: one frame and one benchmark, arm by arm. */
import { mean } from "../statistics.ts";
import { type Arm, benchmarkOf, type Frame } from "./identity.ts";
import { scoreOf } from "./score.ts";
import { meanRatio, meanRead } from "./spend.ts";
import { isComplete, type Study, type StudyCell } from "./study.ts";

/** An arm with its cells on one board, in the order of the run. */
export interface BoardArm {
  readonly arm: Arm;
  readonly cells: readonly StudyCell[];
  /** Whether it has every answer on every setting that any arm of the board was asked for: otherwise PARTIAL. */
  readonly complete: boolean;
  /** Bytes per decode step, as a mean over cells; bytes of the full cache over them. Null where they were not seen. */
  readonly read: number | null;
  readonly ratio: number | null;
}

export interface Board {
  readonly frame: Frame;
  readonly benchmark: string;
  /** The full cache first, then methods as they were named, budgets by what they read. */
  readonly arms: readonly BoardArm[];
  /** The full cache's arm; null where it was not run. */
  readonly full: BoardArm | null;
}

export function boardsOf({ cells }: Study): Board[] {
  const groups = Map.groupBy(cells, (cell) => `${cell.frame.key} ${benchmarkOf(cell.config)}`);
  return [...groups.values()].map((own) => {
    const arms = armsOf(own);
    return {
      frame: own[0]!.frame,
      benchmark: benchmarkOf(own[0]!.config),
      arms,
      full: arms.find(({ arm }) => arm.isFull) ?? null,
    };
  });
}

function armsOf(cells: readonly StudyCell[]): BoardArm[] {
  const settings = new Set(cells.map(({ setting }) => setting));
  const arms = [...Map.groupBy(cells, ({ arm }) => arm.key).values()].map((own): BoardArm => ({
    arm: own[0]!.arm,
    cells: own,
    complete: own.length === settings.size && own.every(isComplete),
    read: meanRead(own),
    ratio: meanRatio(own),
  }));
  const series = [...new Set(arms.map(({ arm }) => arm.series))];
  const rank = ({ arm }: BoardArm) => arm.isFull ? -1 : series.indexOf(arm.series);
  return arms.sort((a, b) => rank(a) - rank(b) || (a.read ?? 0) - (b.read ?? 0));
}

/** Names of boards: the benchmark, and whatever tells a board from the others. */
export function boardNames(boards: readonly Board[]): string[] {
  return boards.map(({ benchmark, frame: { parts } }) => {
    const telling = parts.filter((part, i) => part !== "" && boards.some(({ frame }) => frame.parts[i] !== part));
    return [benchmark, ...telling].join(", ");
  });
}

/** A part of a board: only cells that pass, and only arms that have some. */
export function narrow(board: Board, passes: (cell: StudyCell) => boolean): Board {
  const arms = armsOf(board.arms.flatMap(({ cells }) => cells.filter(passes)));
  return { ...board, arms, full: arms.find(({ arm }) => arm.isFull) ?? null };
}

/** Mean and standard deviation over seeds, of scores from 0 to 1; null with one seed. */
export function seedSpread(cells: readonly StudyCell[]): { seeds: number; mean: number; deviation: number } | null {
  const scores = [...Map.groupBy(cells, ({ config }) => config.seed).values()]
    .flatMap((own) => scoreOf(own)?.value ?? []);
  if (scores.length < 2) return null;
  const center = mean(scores);
  const variance = scores.reduce((sum, score) => sum + (score - center) ** 2, 0) / (scores.length - 1);
  return { seeds: scores.length, mean: center, deviation: Math.sqrt(variance) };
}
