/** Score against length, one small multiple per budget. */
import { lengthsOf } from "../aggregates.ts";
import { type Board, narrow } from "../boards.ts";
import { points } from "../tables/cell_rows.ts";
import type { Row } from "../tables/csv.ts";
import { lengthCount } from "../identity.ts";
import { scoreOf } from "../score.ts";
import { KNOWN, seriesOf } from "./compression.ts";
import { budgetPanels, budgetsOf, type Chart, lengthAxis, NO_BUDGET, SCORE_AXIS, seriesEncoding } from "./theme.ts";

/** Null with one length. */
export function lengthChart(board: Board): Chart | null {
  const lengths = lengthsOf(board.arms.flatMap(({ cells }) => cells)).filter((length) => length !== null);
  if (lengths.length < 2) return null;
  const budgets = budgetsOf(board);
  const rows = lengths.flatMap((length) =>
    narrow(board, ({ config }) => config.length === length).arms.flatMap(({ arm, cells, complete }): Row[] => {
      const score = scoreOf(cells);
      if (score === null) return [];
      return (arm.isFull ? budgets : [arm.budget ?? NO_BUDGET]).map((budget) => ({
        budget,
        series: arm.series,
        arm: arm.label,
        length: lengthCount(length),
        score: points(score.value),
        ciLow: points(score.interval?.[0]),
        ciHigh: points(score.interval?.[1]),
        partial: !complete,
      }));
    })
  );
  const { color, shape, strokeDash } = seriesEncoding([...seriesOf(board), ...(board.full === null ? [] : ["full"])]);
  const unit = lengths[0]!.endsWith("w") ? "words" : "tokens";
  const x = { ...lengthAxis(lengths.map(lengthCount), `length, ${unit}`), field: "length" };
  const y = { ...SCORE_AXIS, field: "score" };
  return {
    name: "score_by_length",
    title: "Score against length",
    caption: "Mean over tasks with 95 % intervals; one panel per budget as it was asked for.",
    spec: budgetPanels(rows, budgets, {
      encoding: { x, color },
      layer: [
        { transform: [KNOWN], mark: "rule", encoding: { y: { ...y, field: "ciLow" }, y2: { field: "ciHigh" } } },
        { mark: "line", encoding: { y, strokeDash } },
        { mark: "point", encoding: { y, shape } },
      ],
    }),
    rows,
  };
}
