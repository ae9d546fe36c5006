/** Score against measured compression: the picture of a study. */
import type { Board } from "../boards.ts";
import { points } from "../tables/cell_rows.ts";
import type { Row } from "../tables/csv.ts";
import { scoreOf } from "../score.ts";
import { type Chart, INK, RATIO_AXIS, SCORE_AXIS, seriesEncoding, styled } from "./theme.ts";

/** Null where no cache was seen. */
export function compressionChart(board: Board): Chart | null {
  const rows = board.arms.flatMap(({ arm, cells, ratio, complete }): Row[] => {
    const score = scoreOf(cells);
    if (score === null || ratio === null) return [];
    return [{
      series: arm.series,
      arm: arm.label,
      ratio,
      score: points(score.value),
      ciLow: points(score.interval?.[0]),
      ciHigh: points(score.interval?.[1]),
      partial: !complete,
    }];
  });
  const compressed = rows.filter(({ arm }) => arm !== board.full?.arm.label);
  if (compressed.length === 0) return null;
  return {
    name: "score_by_compression",
    title: "Score against compression",
    caption: "Mean over tasks and lengths with 95 % intervals. The line and the band behind are the full cache: " +
      "inside the band, a difference is within its own sampling noise. Hollow points are PARTIAL.",
    spec: styled({
      width: 560,
      height: 300,
      layer: [...fullLayers(board), ...curveLayers(compressed, "ratio", RATIO_AXIS)],
    }),
    rows,
  };
}

/** The full cache's score over the whole width, with its noise. */
export function fullLayers({ full }: Board): object[] {
  const score = full === null ? null : scoreOf(full.cells);
  if (score === null) return [];
  const values = [{ score: points(score.value) }], { interval } = score;
  const band = interval === null ? [] : [{ low: points(interval[0]), high: points(interval[1]) }];
  return [
    {
      data: { values: band },
      mark: { type: "rect", color: INK.soft, opacity: 0.12 },
      encoding: { y: { ...SCORE_AXIS, field: "low" }, y2: { field: "high" } },
    },
    {
      data: { values },
      mark: { type: "rule", color: INK.text, strokeDash: [5, 3], strokeWidth: 1.2 },
      encoding: { y: { ...SCORE_AXIS, field: "score" } },
    },
    {
      data: { values },
      mark: { type: "text", text: "full cache", align: "right", baseline: "bottom", dx: -4, dy: -3, fontSize: 11 },
      encoding: { x: { value: "width" }, y: { ...SCORE_AXIS, field: "score" } },
    },
  ];
}

/** Rows whose interval is known. */
export const KNOWN = { filter: "isValid(datum.ciLow)" } as const;

/** Curves over budgets with bands, bars and points. @param x  Field with the place on the axis. */
export function curveLayers(rows: readonly Row[], x: string, axis: object): object[] {
  const { color, shape, strokeDash } = seriesEncoding([...new Set(rows.map(({ series }) => String(series)))]);
  const place = { ...axis, field: x }, y = { ...SCORE_AXIS, field: "score" };
  const range = { y: { ...SCORE_AXIS, field: "ciLow" }, y2: { field: "ciHigh" } };
  return [{
    data: { values: rows },
    encoding: { x: place, color },
    layer: [
      { transform: [KNOWN], mark: { type: "area", opacity: 0.13 }, encoding: range },
      { transform: [KNOWN], mark: { type: "rule", strokeWidth: 1 }, encoding: range },
      { mark: "line", encoding: { y, strokeDash } },
      { transform: [{ filter: "!datum.partial" }], mark: "point", encoding: { y, shape } },
      {
        transform: [{ filter: "datum.partial" }],
        mark: { type: "point", filled: false, strokeWidth: 2 },
        encoding: { y, shape },
      },
    ],
  }];
}

/** Methods in the order of the board, the full cache left out. */
export function seriesOf({ arms }: Board): string[] {
  return [...new Set(arms.filter(({ arm }) => !arm.isFull).map(({ arm }) => arm.series))];
}
