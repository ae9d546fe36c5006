/** One arm against another method where a decode step reads as many bytes, on the same samples. */
import { mean } from "../statistics.ts";
import type { Board, BoardArm } from "./boards.ts";
import { between, type Place, placeOn } from "./equal_bytes.ts";
import { remember } from "./remember.ts";
import { type Delta, deltaOf, type Difference, differences as pairsOf } from "./score.ts";
import { spendOf } from "./spend.ts";
import type { StudyCell } from "./study.ts";

export interface Duel {
  readonly ours: BoardArm;
  /** The other method, all of its budgets. */
  readonly series: string;
  /** Bytes per step, as means over cells: ours, and where the other's curve was read. */
  readonly read: number;
  readonly theirRead: number;
  /** Whether a budget of the other's had to do that reads more or less, because none lies on the other side. */
  readonly nearest: boolean;
  /** Ours less theirs. */
  readonly delta: Delta;
  /** Cells of ours where both have answers, of all. */
  readonly cells: number;
}

/** One arm against all other methods of its board. */
export function duelsOf(board: Board, ours: BoardArm): readonly Duel[] {
  return remember(duels, ours, () => {
    const others = board.arms.filter(({ arm }) => !arm.isFull && arm.series !== ours.arm.series);
    return [...Map.groupBy(others, ({ arm }) => arm.series)].flatMap(([series, arms]) =>
      duel(ours, series, arms) ?? []
    );
  });
}

/** Verdicts and tables ask for the same ones. */
const duels = new WeakMap<BoardArm, readonly Duel[]>();

/** Over the cells where both have answers and bytes were measured; null without any. */
export function duel(ours: BoardArm, series: string, rivals: readonly BoardArm[]): Duel | null {
  const settings = ours.cells.flatMap((cell) => settingDuel(cell, rivals) ?? []);
  const delta = deltaOf(settings.map((one) => one.differences), settings.map(({ setting }) => setting));
  if (delta === null) return null;
  return {
    ours,
    series,
    read: mean(settings.map(({ read }) => read)),
    theirRead: mean(settings.map(({ place }) => place.read)),
    nearest: settings.some(({ place, read }) => place.nearest && Math.abs(Math.log(place.read / read)) > NEAR),
    delta,
    cells: settings.length,
  };
}

/** Natural logarithm of a factor of bytes that is as good as equal: 5 %. */
const NEAR = Math.log(1.05);

interface Point {
  readonly read: number;
  readonly cell: StudyCell;
}

interface SettingDuel {
  readonly setting: string;
  readonly read: number;
  readonly place: Place<Point>;
  readonly differences: readonly Difference[];
}

function settingDuel(cell: StudyCell, rivals: readonly BoardArm[]): SettingDuel | null {
  const curve = rivals.flatMap(({ cells }) => cells.filter(({ setting }) => setting === cell.setting))
    .flatMap((one): Point[] => {
      const spend = spendOf(one);
      return spend === null ? [] : [{ read: spend.readBytesPerStep, cell: one }];
    });
  const read = spendOf(cell)?.readBytesPerStep;
  if (read === undefined || curve.length === 0) return null;
  const place = placeOn(curve, read);
  const low = pairsOf(cell, place.low.cell), high = pairsOf(cell, place.high.cell);
  const highs = new Map(high.map(({ id, value }) => [id, value]));
  const differences = low.flatMap((one) => {
    const other = highs.get(one.id);
    return other === undefined
      ? []
      : [{ ...one, value: between(one.value, other, place.share), binary: one.binary && place.low === place.high }];
  });
  return differences.length === 0 ? null : { setting: cell.setting, read, place, differences };
}
