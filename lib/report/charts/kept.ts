/** What caches keep: tokens overall, and layer by layer those that answers rest on. */
import type { Board, BoardArm } from "../boards.ts";
import { goldKeptOf, keptByLayerOf } from "../spend.ts";
import type { Row } from "../tables/csv.ts";
import { mean } from "../../statistics.ts";
import { type Chart, SERIES, styled } from "./theme.ts";

/** Tokens kept per KV head: mean, and from the head with the fewest to the one with the most. Null where nobody counted. */
export function keptChart(board: Board): Chart | null {
  const rows = board.arms.flatMap(({ arm, cells }) => {
    const kept = cells.flatMap(({ observations }) =>
      [...observations.values()].flatMap(({ prediction: { cache } }) => cache === null ? [] : [cache.kept])
    );
    if (kept.length === 0) return [];
    const of = (name: "mean" | "min" | "max") => mean(kept.map((one) => one[name]));
    return [{ arm: arm.label, kept: of("mean"), least: of("min"), most: of("max") }];
  });
  if (rows.length === 0) return null;
  const y = {
    field: "arm",
    type: "nominal",
    sort: rows.map(({ arm }) => arm),
    title: null,
    axis: { ticks: false, domain: false, labelLimit: 240 },
  };
  const x = { type: "quantitative", title: "tokens kept per KV head" };
  return {
    name: "kept_tokens",
    title: "Tokens kept",
    caption:
      "Mean over layers and KV heads; the line runs from the head that keeps the fewest to the one that keeps the most.",
    spec: styled({
      data: { values: rows },
      width: 420,
      height: { step: 20 },
      encoding: { y },
      layer: [
        { mark: { type: "bar", color: SERIES[5], height: { band: 0.6 } }, encoding: { x: { ...x, field: "kept" } } },
        { mark: { type: "rule" }, encoding: { x: { ...x, field: "least" }, x2: { field: "most" } } },
      ],
    }),
    rows,
  };
}

/** Tokens that each layer keeps. Null where no arm keeps more in one layer than in another. */
export function keptByLayerChart(board: Board): Chart | null {
  const rows = layerRows(board, "kept", keptByLayerOf);
  return rows.length === 0 ? null : {
    name: "kept_by_layer",
    title: "Tokens kept, layer by layer",
    caption: "Mean over KV heads and answers, of the arms whose layers do not all keep as many.",
    spec: layerMap(rows, { field: "kept", scale: { zero: true, scheme: "viridis" }, legend: { gradientLength: 110 } }),
    rows,
  };
}

/** Share of the evidence that each layer kept. Null for tasks whose answers rest on no place in particular. */
export function goldChart(board: Board): Chart | null {
  const rows = layerRows(board, "goldKept", goldKeptOf);
  return rows.length === 0 ? null : {
    name: "evidence_kept",
    title: "Evidence kept, layer by layer",
    caption:
      "Share of the tokens that answers rest on which each layer can still attend to, as a mean over KV heads and answers.",
    spec: layerMap(rows, {
      field: "goldKept",
      scale: { domain: [0, 1], scheme: "viridis" },
      legend: { format: ".0%", gradientLength: 110 },
    }),
    rows,
  };
}

type LayerRow = Row & { readonly arm: string; readonly layer: number };

function layerRows(
  { arms }: Board,
  field: string,
  of: (cells: BoardArm["cells"]) => readonly number[] | null,
): LayerRow[] {
  return arms.filter(({ arm }) => !arm.isFull).flatMap(({ arm, cells }) =>
    (of(cells) ?? []).map((value, layer) => ({ arm: arm.label, layer, [field]: value }))
  );
}

/** Arms by layers. */
function layerMap(rows: readonly LayerRow[], color: { readonly field: string; readonly [name: string]: unknown }) {
  const layers = 1 + Math.max(...rows.map(({ layer }) => layer));
  return styled({
    data: { values: rows },
    width: { step: Math.max(10, Math.min(26, Math.floor(560 / layers))) },
    height: { step: 22 },
    mark: { type: "rect" },
    encoding: {
      x: { field: "layer", type: "ordinal", title: "layer", axis: { labelAngle: 0, labelOverlap: "greedy" } },
      y: {
        field: "arm",
        type: "nominal",
        sort: [...new Set(rows.map(({ arm }) => arm))],
        title: null,
        axis: { ticks: false, domain: false, labelLimit: 240 },
      },
      color: { type: "quantitative", title: "kept", ...color },
    },
  });
}
