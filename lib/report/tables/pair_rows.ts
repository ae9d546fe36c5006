/** `pairs.csv`: RocketKV at each of its budgets against every other method at equal measured bytes. */
import type { Board, BoardArm } from "../boards.ts";
import { frameColumns, points } from "./cell_rows.ts";
import type { Row } from "./csv.ts";
import { type Duel, duelsOf } from "../duels.ts";

export function pairRows(boards: readonly Board[]): Row[] {
  return boards.flatMap((board) =>
    protagonists(board).flatMap((arm) => duelsOf(board, arm).map((duel) => pairRow(board, duel)))
  );
}

/** Arms that others are compared with: RocketKV's, or those of the first method where it was not run. */
export function protagonists({ arms }: Board): BoardArm[] {
  const compressed = arms.filter(({ arm }) => !arm.isFull);
  const ours = compressed.filter(({ arm }) => arm.method.startsWith("rocketkv"));
  return ours.length > 0 ? ours : compressed.filter(({ arm }) => arm.series === compressed[0]!.arm.series);
}

function pairRow({ benchmark }: Board, { ours, series, read, theirRead, nearest, delta, cells }: Duel): Row {
  return {
    ...frameColumns(ours.cells[0]!.config),
    benchmark,
    arm: ours.arm.label,
    other: series,
    readBytesPerStep: read,
    otherReadBytesPerStep: theirRead,
    nearest,
    n: delta.n,
    delta: points(delta.value),
    deltaLow: points(delta.interval?.[0]),
    deltaHigh: points(delta.interval?.[1]),
    p: delta.p,
    test: delta.test,
    wins: delta.wins,
    ties: delta.ties,
    losses: delta.losses,
    cells,
    partial: !ours.complete || cells < ours.cells.length,
  };
}
