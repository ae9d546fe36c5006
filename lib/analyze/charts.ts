/** The pictures of an analysis. */
import type { TopLevelSpec } from "vega-lite";
import { heatMaps } from "../chart/heat_map.ts";
import type { Analysis } from "./run.ts";
import type { MethodReport } from "./tallies.ts";
import type { HeadReport } from "./tally.ts";

/** Specifications by file name. */
export function analysisCharts({ methods, overlap, uniqueTopK, needle }: Analysis): Record<string, TopLevelSpec> {
  const charts: Record<string, TopLevelSpec> = {
    mass: perHead(methods, "Attention mass of the full softmax on what was attended", "mass", (head) => head.mass),
    recall: perHead(methods, "Share of the truly best tokens that were attended", "recall", (head) => head.recall),
    overlap: overlapChart(methods, overlap),
    unique_top_k: uniqueChart(uniqueTopK),
  };
  if (needle !== null) {
    charts["needle_cached"] = perHead(methods, "Needle tokens that could be attended", "cached", (h) => h.needleCached);
    charts["needle_attended"] = perHead(
      methods,
      "Needle tokens that were attended",
      "attended",
      (h) => h.needleAttended,
    );
  }
  return charts;
}

/** A method as tables and pictures name it. */
export function label({ method, tokenBudget }: MethodReport): string {
  return tokenBudget === null ? method : `${method} ${tokenBudget}`;
}

function perHead(
  methods: readonly MethodReport[],
  title: string,
  value: string,
  of: (head: HeadReport) => number | null,
): TopLevelSpec {
  const cells = methods.flatMap((method) =>
    method.heads.map((head) => ({ panel: label(method), x: head.kvHead, y: head.layer, value: of(head) }))
  );
  return heatMaps(cells, { title, x: "KV head", y: "layer", value });
}

function overlapChart(methods: readonly MethodReport[], overlap: Analysis["overlap"]): TopLevelSpec {
  const names = methods.map(label);
  const values = names.flatMap((a, i) => names.map((b, j) => ({ a, b, overlap: overlap[i]![j]! })));
  const axis = (field: string) => ({ field, type: "nominal", sort: names, title: null });
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: "Tokens attended by both, of those attended by either", anchor: "start" },
    data: { values },
    width: { step: 44 },
    height: { step: 28 },
    encoding: { x: axis("a"), y: axis("b") },
    layer: [
      {
        mark: { type: "rect", stroke: "white" },
        encoding: {
          color: {
            field: "overlap",
            type: "quantitative",
            scale: { domain: [0, 1], scheme: "viridis" },
            title: "overlap",
          },
        },
      },
      {
        mark: { type: "text", fontSize: 10 },
        encoding: {
          text: { field: "overlap", type: "quantitative", format: ".2f" },
          color: { condition: { test: "datum.overlap > 0.6", value: "black" }, value: "white" },
        },
      },
    ],
  } as TopLevelSpec;
}

function uniqueChart({ k, steps }: Analysis["uniqueTopK"]): TopLevelSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: `Different tokens in the true top ${k} of a query head, up to each step`, anchor: "start" },
    data: { values: steps.map((tokens, i) => ({ step: i + 1, tokens })) },
    width: 420,
    height: 240,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "step", type: "quantitative", title: "decode step", axis: { tickMinStep: 1 } },
      y: { field: "tokens", type: "quantitative", title: "tokens, mean over query heads" },
    },
  } as TopLevelSpec;
}
