/** How far next-token distributions stray from the full cache's, against measured compression. */
import type { Board } from "../boards.ts";
import { meanScore } from "../tables/cell_rows.ts";
import type { Row } from "../tables/csv.ts";
import { mean } from "../../statistics.ts";
import { budgetPanels, budgetsOf, type Chart, NO_BUDGET, RATIO_AXIS, seriesEncoding, styled } from "./theme.ts";

/** Null for tasks whose answers are scored by other things. */
export function fidelityChart(board: Board): Chart | null {
  const rows = board.arms.flatMap(({ arm, cells, ratio }): Row[] => {
    const kl = cells.map((cell) => meanScore(cell, "kl")), top1 = cells.map((cell) => meanScore(cell, "top1"));
    if (arm.isFull || ratio === null || kl.includes(null) || top1.includes(null)) return [];
    return [{
      series: arm.series,
      arm: arm.label,
      ratio,
      kl: Math.max(LEAST_KL, mean(kl as number[])),
      top1: mean(top1 as number[]),
    }];
  });
  if (rows.length === 0) return null;
  const noise = board.arms.flatMap(({ cells }) => cells.flatMap((cell) => meanScore(cell, "noiseKl") ?? []));
  const noiseLine = {
    data: { values: noise.length === 0 ? [] : [{ kl: Math.max(LEAST_KL, mean(noise)) }] },
    mark: { type: "rule", strokeDash: [5, 3] },
    encoding: { x: null, color: null },
  };
  const { color, shape, strokeDash } = seriesEncoding([...new Set(rows.map((row) => String(row["series"])))]);
  const panel = (y: object, ...behind: readonly object[]) => ({
    width: 300,
    height: 250,
    encoding: { x: { ...RATIO_AXIS, title: "compression, measured", field: "ratio" }, y, color },
    layer: [...behind, { mark: "line", encoding: { strokeDash } }, { mark: "point", encoding: { shape } }],
  });
  return {
    name: "fidelity_by_compression",
    title: "Distance from the full cache",
    caption: "KL divergence of next-token distributions in nats, and how often both prefer the same token. " +
      "Dashed: the full cache against itself.",
    spec: styled({
      data: { values: rows },
      hconcat: [
        panel(
          { field: "kl", type: "quantitative", title: "mean KL, nats", scale: { type: "log" }, axis: { format: "~g" } },
          noiseLine,
        ),
        panel({
          field: "top1",
          type: "quantitative",
          title: "same most likely token",
          scale: { zero: false },
          axis: { format: "%" },
        }),
      ],
    }),
    rows,
  };
}

/** The same KL step by step: whether an arm drifts away while it decodes. Null where nobody wrote steps down. */
export function stepsChart(board: Board): Chart | null {
  const budgets = budgetsOf(board);
  const rows = board.arms.filter(({ arm }) => !arm.isFull).flatMap(({ arm, cells }): Row[] => {
    const answers = cells.flatMap(({ observations }) =>
      [...observations.values()].flatMap(({ prediction: { scoring } }) => {
        const steps = scoring.details?.["klSteps"];
        return Array.isArray(steps) ? [steps as number[]] : [];
      })
    );
    if (answers.length === 0) return [];
    return Array.from({ length: Math.min(...answers.map(({ length }) => length)) }, (_, step) => ({
      budget: arm.budget ?? NO_BUDGET,
      series: arm.series,
      arm: arm.label,
      step: step + 1,
      kl: mean(answers.map((steps) => steps[step]!)),
    }));
  });
  if (rows.length === 0) return null;
  const { color, strokeDash } = seriesEncoding([...new Set(rows.map((row) => String(row["series"])))]);
  return {
    name: "fidelity_by_step",
    title: "Distance from the full cache, step by step",
    caption: "KL divergence in nats, as a mean over prompts. All arms are fed the full cache's own tokens.",
    spec: budgetPanels(rows, budgets, {
      transform: [{ filter: "datum.kl > 0" }], // many methods only compress behind the first one
      mark: { type: "line", strokeWidth: 1.5 },
      encoding: {
        x: { field: "step", type: "quantitative", title: "decode step", axis: { grid: false } },
        y: {
          field: "kl",
          type: "quantitative",
          title: "mean KL, nats",
          scale: { type: "log" },
          axis: { format: "~g", tickCount: 4 },
        },
        color,
        strokeDash,
      },
    }),
    rows,
  };
}

/** Keeps the logarithm finite, far below anything that is measured. */
const LEAST_KL = 1e-9;
