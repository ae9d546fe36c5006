/** How charts look: colours that colour-blind readers tell apart, with a shape and a dash each for paper without colours. */
import type { TopLevelSpec } from "vega-lite";
import type { Board } from "../boards.ts";
import type { Row } from "../tables/csv.ts";

/** A picture with everything that goes beside it. */
export interface Chart {
  /** Of its files. */
  readonly name: string;
  readonly title: string;
  /** What to read in it, in a sentence. */
  readonly caption: string;
  readonly spec: TopLevelSpec;
  /** Its data, for the CSV file. */
  readonly rows: readonly Row[];
}

/** Colours of a page in light. Reports put the names of CSS variables in their place, so that they follow the reader's theme. */
export const INK = { text: "#1c2430", soft: "#5a6675", line: "#c9d1da", grid: "#e8ecf0" } as const;

/** Okabe and Ito's colours without yellow and black, and two more between them. */
export const SERIES = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#b0528f",
  "#a6761d",
  "#3a9bd1",
  "#6a51a3",
  "#7a7a7a",
] as const;

const SHAPES = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "cross",
  "triangle-down",
  "triangle-right",
  "triangle-left",
];
const DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]];

/** The same look for a series in every chart: encodings of colour, shape and dash. @param series  All of them, in order. */
export function seriesEncoding(series: readonly string[]): {
  readonly color: object;
  readonly shape: object;
  readonly strokeDash: object;
} {
  const compressed = series.filter((name) => name !== FULL);
  const pick = <T>(range: readonly T[], ofFull: T, each = 1) => ({
    domain: [...compressed, ...(series.includes(FULL) ? [FULL] : [])],
    range: [...compressed.map((_, i) => range[Math.floor(i / each) % range.length]!), ofFull],
  });
  const field = { field: "series", type: "nominal", title: "method" };
  return {
    color: { ...field, scale: pick<string>(SERIES, INK.text), legend: { symbolOpacity: 1 } }, // of bands too
    shape: { ...field, scale: pick(SHAPES, "cross") },
    strokeDash: { ...field, scale: pick(DASHES, [5, 3], 2) },
  };
}

/** Of a method that has none. */
export const NO_BUDGET = "no budget";

/** Budgets in the order of the board: panels of charts that have one for each. */
export function budgetsOf({ arms }: Board): string[] {
  return [...new Set(arms.filter(({ arm }) => !arm.isFull).map(({ arm }) => arm.budget ?? NO_BUDGET))];
}

/** The full cache's series. */
const FULL = "full";

/** An axis of lengths in tokens or words, doubling. @param lengths  Ascending. */
export function lengthAxis(lengths: readonly number[], title: string): object {
  const labelExpr = "datum.value % 1024 === 0 ? datum.value / 1024 + 'K' : format(datum.value, ',')";
  return {
    type: "quantitative",
    title,
    scale: { type: "log", base: 2, nice: false, padding: 12 },
    axis: { values: lengths, labelExpr, grid: false },
  };
}

/** An axis of compression ratios, doubling. */
export const RATIO_AXIS = {
  type: "quantitative",
  title: "compression, measured: bytes of the full cache per byte read",
  scale: { type: "log", base: 2, nice: false, padding: 12 },
  axis: { labelExpr: "format(datum.value, '~g') + '×'", tickCount: 6, grid: false },
} as const;

export const SCORE_AXIS = {
  type: "quantitative",
  title: "score",
  scale: { zero: false, nice: false, padding: 6 },
} as const;

/** A small panel for each budget, as it was asked for. @param panel  Marks and encoding of one of them. */
export function budgetPanels(rows: readonly object[], budgets: readonly string[], panel: object): TopLevelSpec {
  return styled({
    data: { values: rows },
    facet: { field: "budget", type: "nominal", sort: budgets, title: null },
    columns: 3,
    spec: { width: 220, height: 190, ...panel },
  });
}

/** A specification in the look of all. */
export function styled(spec: object): TopLevelSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    padding: 4,
    ...spec,
    config: {
      view: { stroke: null },
      aria: false,
      mark: { aria: false },
      axis: {
        labelColor: INK.soft,
        titleColor: INK.soft,
        titleFontWeight: "normal",
        titlePadding: 8,
        labelFontSize: 11,
        titleFontSize: 11,
        gridColor: INK.grid,
        domainColor: INK.line,
        tickColor: INK.line,
        tickSize: 4,
      },
      legend: {
        labelColor: INK.text,
        titleColor: INK.soft,
        titleFontWeight: "normal",
        labelLimit: 220,
        symbolSize: 70,
      },
      header: { labelColor: INK.text, labelFontSize: 12, labelFontWeight: "bold", titleColor: INK.soft },
      title: { color: INK.text, anchor: "start", fontSize: 12 },
      point: { filled: true, size: 60, opacity: 1 },
      line: { strokeWidth: 2 },
      rule: { color: INK.soft },
      text: { color: INK.text },
      ...(spec as { config?: object }).config,
    },
  } as unknown as TopLevelSpec;
}
