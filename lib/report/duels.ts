/** One arm against another method where a decode step reads as many bytes, on the same samples. */
import { mean } from "../statistics.ts";
import type { Board, BoardArm } from "./boards.ts";
import { between, type Place, placeOn } from "./equal_bytes.ts";
import { type Delta, deltaOf, type Difference, differences } from "./score.ts";
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
}

/** One arm against all other methods of its board. */
export function duelsOf(board: Board, ours: BoardArm): readonly Duel[] {
  const known = duels.get(ours);
  if (known !== undefined) return known;
  const others = board.arms.filter(({ arm }) => !arm.isFull && arm.series !== ours.arm.series);
  const own = [...Map.groupBy(others, ({ arm }) => arm.series)].flatMap(([series, arms]) =>
    duel(ours, series, arms) ?? []
  );
  duels.set(ours, own);
  return own;
}

/** Verdicts and tables ask for the same ones. */
const duels = new WeakMap<BoardArm, readonly Duel[]>();

/** Null where bytes were not measured, or the other method lacks a setting of ours. */
export function duel(ours: BoardArm, series: string, rivals: readonly BoardArm[]): Duel | null {
  const settings = ours.cells.map((cell) => settingDuel(cell, rivals));
  if (settings.some((one) => one === null)) return null;
  const read = mean(settings.map((one) => one!.read)), theirRead = mean(settings.map((one) => one!.place.read));
  const delta = deltaOf(settings.map((one) => one!.differences), ours.cells.map(({ setting }) => setting));
  const nearest = settings.some((one) => one!.place.nearest && Math.abs(Math.log(one!.place.read / one!.read)) > NEAR);
  return delta === null ? null : { ours, series, read, theirRead, nearest, delta };
}

/** Natural logarithm of a factor of bytes that is as good as equal: 5 %. */
const NEAR = Math.log(1.05);

interface Point {
  readonly read: number;
  readonly cell: StudyCell;
}

function settingDuel(
  cell: StudyCell,
  rivals: readonly BoardArm[],
): { readonly read: number; readonly place: Place<Point>; readonly differences: readonly Difference[] } | null {
  const curve = rivals.flatMap(({ cells }) => cells.filter(({ setting }) => setting === cell.setting))
    .flatMap((one): Point[] => {
      const spend = spendOf(one);
      return spend === null ? [] : [{ read: spend.readBytesPerStep, cell: one }];
    });
  const read = spendOf(cell)?.readBytesPerStep;
  if (read === undefined || curve.length === 0) return null;
  const place = placeOn(curve, read);
  const low = differences(cell, place.low.cell), high = differences(cell, place.high.cell);
  const highs = new Map(high.map(({ id, value }) => [id, value]));
  return {
    read,
    place,
    differences: low.flatMap((one) => {
      const other = highs.get(one.id);
      return other === undefined ? [] : [{ ...one, value: between(one.value, other, place.share) }];
    }),
  };
}
