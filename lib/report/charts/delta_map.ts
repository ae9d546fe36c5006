/** What every arm costs on every task: paired differences from the full cache. */
import { DIVERGING } from "../../chart/heat_map.ts";
import type { Board } from "../boards.ts";
import { points } from "../tables/cell_rows.ts";
import { taskKey, taskLabels } from "../identity.ts";
import { deltaToFull } from "../score.ts";
import { type Chart, INK, styled } from "./theme.ts";

/** Null without a full cache to compare with. */
export function deltaMap(board: Board): Chart | null {
  const labels = taskLabels(board.arms.flatMap(({ cells }) => cells.map(({ config }) => config)));
  const rows = board.arms.filter(({ arm }) => !arm.isFull).flatMap(({ arm, cells }) =>
    [...Map.groupBy(cells, ({ config }) => taskKey(config))].flatMap(([task, own]) => {
      const delta = deltaToFull(own);
      return delta === null ? [] : [{
        arm: arm.label,
        task: short(labels.get(task)!),
        delta: points(delta.value)!,
        deltaLow: points(delta.interval?.[0]),
        deltaHigh: points(delta.interval?.[1]),
        p: delta.p,
        n: delta.n,
      }];
    })
  );
  if (rows.length === 0) return null;
  const most = Math.max(5, ...rows.map(({ delta }) => Math.abs(delta)));
  const axis = (field: "arm" | "task") => ({
    field,
    type: "nominal",
    sort: [...new Set(rows.map((row) => row[field]))],
    title: null,
    axis: { labelLimit: 240, ticks: false, domain: false, ...(field === "task" && { labelAngle: -40, orient: "top" }) },
  });
  return {
    name: "delta_by_task",
    title: "Points lost or won by task",
    caption: "Paired difference from the full cache on the same samples, in points of score. Bold: p < 0.05.",
    spec: styled({
      data: { values: rows },
      width: { step: 52 },
      height: { step: 26 },
      encoding: { x: axis("task"), y: axis("arm") },
      layer: [
        {
          mark: { type: "rect", stroke: INK.grid, strokeWidth: 1 },
          encoding: {
            color: {
              field: "delta",
              type: "quantitative",
              title: "points",
              scale: { domain: [-most, 0, most], range: DIVERGING },
              legend: { gradientLength: 120 },
            },
          },
        },
        {
          mark: { type: "text", fontSize: 11 },
          encoding: {
            text: { field: "delta", type: "quantitative", format: "+.1f" },
            color: { condition: { test: `abs(datum.delta) > ${most * 0.62}`, value: "#ffffff" }, value: "#1a1a1a" },
          },
          transform: [{ filter: "datum.p >= 0.05" }],
        },
        {
          mark: { type: "text", fontSize: 11, fontWeight: "bold" },
          encoding: {
            text: { field: "delta", type: "quantitative", format: "+.1f" },
            color: { condition: { test: `abs(datum.delta) > ${most * 0.62}`, value: "#ffffff" }, value: "#1a1a1a" },
          },
          transform: [{ filter: "datum.p < 0.05" }],
        },
      ],
    }),
    rows,
  };
}

/** A board is of one benchmark: its name goes without saying. */
function short(task: string): string {
  return task.includes("/") ? task.slice(task.indexOf("/") + 1) : task;
}
