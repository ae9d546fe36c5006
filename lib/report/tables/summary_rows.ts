/** `summary.csv`: every average of every arm by its name. */
import { aggregatesOf } from "../aggregates.ts";
import type { Board } from "../boards.ts";
import { frameColumns, points } from "./cell_rows.ts";
import type { Row } from "./csv.ts";
import { deltaToFull, scoreOf } from "../score.ts";
import { meanRatio, paceOf, spendOf } from "../spend.ts";
import { mean } from "../../statistics.ts";
import type { StudyCell } from "../study.ts";

export function summaryRows(boards: readonly Board[]): Row[] {
  return boards.flatMap((board) =>
    board.arms.flatMap((arm) =>
      aggregatesOf(board, arm).map(({ name, length, value, unit, lacks, cells }) => {
        const score = cells === null ? null : scoreOf(cells), delta = cells === null ? null : deltaToFull(cells);
        const own = arm.cells.filter(({ config }) => length === null || config.length === length);
        return {
          ...frameColumns(arm.cells[0]!.config),
          arm: arm.arm.label,
          method: arm.arm.method,
          budget: arm.arm.budget,
          benchmark: board.benchmark,
          aggregate: name,
          length,
          n: score?.n ?? null,
          score: unit === "score" ? points(value) : null,
          tokens: unit === "tokens" ? value : null,
          ciLow: points(score?.interval?.[0]),
          ciHigh: points(score?.interval?.[1]),
          delta: points(delta?.value),
          deltaLow: points(delta?.interval?.[0]),
          deltaHigh: points(delta?.interval?.[1]),
          p: delta?.p ?? null,
          partial: lacks.length > 0,
          lacks: lacks.length > 0 ? lacks.join("; ") : null,
          ratio: meanRatio(own),
          ...costColumns(own),
        };
      })
    )
  );
}

function costColumns(cells: readonly StudyCell[]): Row {
  const spends = cells.map(spendOf).filter((spend) => spend !== null), pace = paceOf(cells);
  const of = (value: (spend: typeof spends[number]) => number) => spends.length === 0 ? null : mean(spends.map(value));
  return {
    storedRatio: of(({ storedRatio }) => storedRatio),
    readBytesPerStep: of(({ readBytesPerStep }) => readBytesPerStep),
    storedBytes: of(({ storedBytes, auxBytes }) => storedBytes + auxBytes),
    tokensPerSecond: pace?.tokensPerSecond ?? null,
    peakBytes: pace?.peakBytes ?? null,
  };
}
