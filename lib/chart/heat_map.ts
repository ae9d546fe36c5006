import type { TopLevelSpec } from "vega-lite";

/** One cell of a small multiple. */
export interface HeatCell {
  /** Title of the small multiple. */
  readonly panel: string;
  readonly x: number;
  readonly y: number;
  /** From 0 to 1, or null where there is nothing to say. */
  readonly value: number | null;
}

/**
 * Small multiples of heat maps over two counted axes, all on one colour scale from 0 to 1.
 *
 * @param columns  Panels in a row.
 */
export function heatMaps(
  cells: readonly HeatCell[],
  { title, x, y, value, columns = 4 }: { title: string; x: string; y: string; value: string; columns?: number },
): TopLevelSpec {
  const panels = [...new Set(cells.map((cell) => cell.panel))];
  const size = (of: (cell: HeatCell) => number) => new Set(cells.map(of)).size;
  const step = Math.max(6, Math.min(22, Math.floor(420 / Math.max(size((c) => c.x), size((c) => c.y)))));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, anchor: "start" },
    data: { values: [...cells] },
    facet: { field: "panel", type: "nominal", sort: panels, title: null, header: { labelFontWeight: "bold" } },
    columns,
    spec: {
      width: { step },
      height: { step },
      mark: { type: "rect", stroke: "white", strokeWidth: 0.5 },
      encoding: {
        x: { field: "x", type: "ordinal", title: x, axis: { labelAngle: 0, labelOverlap: "greedy" } },
        y: { field: "y", type: "ordinal", title: y, axis: { labelOverlap: "greedy" } },
        color: {
          field: "value",
          type: "quantitative",
          title: value,
          scale: { domain: [0, 1], scheme: "viridis" },
          legend: { gradientLength: 120 },
        },
      },
    },
    config: { invalidValues: null },
  } as TopLevelSpec;
}
