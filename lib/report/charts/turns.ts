/** How scores change from turn to turn on one context. */
import type { Board } from "../boards.ts";
import { points } from "../tables/cell_rows.ts";
import type { Row } from "../tables/csv.ts";
import { mean } from "../../statistics.ts";
import { seriesOf } from "./compression.ts";
import { budgetPanels, budgetsOf, type Chart, NO_BUDGET, SCORE_AXIS, seriesEncoding } from "./theme.ts";

/** Null where every sample has one turn. */
export function turnsChart(board: Board): Chart | null {
  const budgets = budgetsOf(board);
  const rows = board.arms.flatMap(({ arm, cells }): Row[] => {
    const answers = cells.flatMap(({ observations }) => [...observations.values()]);
    const turns = Map.groupBy(answers, ({ prediction }) => prediction.turn);
    return [...turns].toSorted(([a], [b]) => a - b).flatMap(([turn, own]) =>
      (arm.isFull ? budgets : [arm.budget ?? NO_BUDGET]).map((budget) => ({
        budget,
        series: arm.series,
        arm: arm.label,
        turn: turn + 1,
        n: own.length,
        score: points(mean(own.map(({ score }) => score))),
      }))
    );
  });
  if (rows.every(({ turn }) => turn === 1)) return null;
  const { color, shape, strokeDash } = seriesEncoding([...seriesOf(board), ...(board.full === null ? [] : ["full"])]);
  const y = { ...SCORE_AXIS, field: "score" };
  return {
    name: "score_by_turn",
    title: "Score by turn",
    caption:
      "Mean over the answers of each turn: a cache that was compressed for the first question may not serve the next.",
    spec: budgetPanels(rows, budgets, {
      encoding: {
        x: { field: "turn", type: "quantitative", title: "turn", axis: { tickMinStep: 1, grid: false } },
        color,
      },
      layer: [{ mark: "line", encoding: { y, strokeDash } }, { mark: "point", encoding: { y, shape } }],
    }),
    rows,
  };
}
