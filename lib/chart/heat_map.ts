import type { TopLevelSpec } from "vega-lite";

/** One cell of a small multiple. */
export interface HeatCell {
  /** Title of the small multiple. */
  readonly panel: string;
  readonly x: number;
  readonly y: number;
  /** From 0 to 1 (differences: from -1), or null where there is nothing to say. */
  readonly value: number | null;
}

/** Pixels of a page, of a panel's longer side, and of the room that a panel's title and its neighbour ask for. */
const PAGE_WIDTH = 900, PANEL = 420, TITLE_WIDTH = 120, GAP = 20;

/** From orange over near white to blue: told apart by colour-blind readers. */
export const DIVERGING = ["#c2500a", "#f7f7f7", "#0a6aa8"] as const;

/**
 * Small multiples of heat maps over two counted axes, all on one colour scale from 0 to 1.
 *
 * @param words.signed  Values are differences: the scale goes from -1 to 1, and 0 is near white. @default false
 * @param words.labels  Write the values into the cells, in percent. @default false
 */
export function heatMaps(
  cells: readonly HeatCell[],
  { title, x, y, value, signed = false, labels = false }: {
    title: string;
    x: string;
    y: string;
    value: string;
    signed?: boolean;
    labels?: boolean;
  },
): TopLevelSpec {
  const panels = [...new Set(cells.map((cell) => cell.panel))];
  const across = new Set(cells.map((cell) => cell.x)).size, down = new Set(cells.map((cell) => cell.y)).size;
  const step = Math.max(6, Math.min(across > 6 ? 22 : 36, Math.floor(PANEL / Math.max(across, down))));
  const most = Math.max(1, Math.floor(PAGE_WIDTH / (Math.max(across * step, TITLE_WIDTH) + GAP)));
  const columns = Math.ceil(panels.length / Math.ceil(panels.length / most)); // rows of one length, or nearly
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, anchor: "start" },
    data: { values: [...cells] },
    facet: { field: "panel", type: "nominal", sort: panels, title: null, header: { labelFontWeight: "bold" } },
    columns,
    spec: {
      width: { step },
      height: { step },
      encoding: {
        x: { field: "x", type: "ordinal", title: x, axis: { labelAngle: 0, labelOverlap: "greedy" } },
        y: { field: "y", type: "ordinal", title: y, axis: { labelOverlap: "greedy" } },
      },
      layer: [
        { mark: { type: "rect", stroke: "white", strokeWidth: 0.5 }, encoding: { color: colors(value, signed) } },
        ...(labels ? [LABELS] : []),
      ],
    },
    config: { invalidValues: null },
  } as TopLevelSpec;
}

function colors(title: string, signed: boolean): object {
  return {
    field: "value",
    type: "quantitative",
    title,
    scale: signed ? { domain: [-1, 0, 1], range: [...DIVERGING] } : { domain: [0, 1], scheme: "viridis" },
    legend: { gradientLength: 120 },
  };
}

/** Dark on the bright end of the scale, bright on the dark one. */
const LABELS = {
  mark: { type: "text", fontSize: 9 },
  encoding: {
    text: { value: { expr: "isValid(datum.value) ? format(100 * datum.value, '.0f') : ''" } },
    color: { value: { expr: "datum.value > 0.6 ? '#1c2430' : '#ffffff'" } },
  },
};
