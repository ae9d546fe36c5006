/** What a study found, for the terminal: scores by task and arm. */
import { cellRows } from "../lib/report/cell_rows.ts";
import type { Row } from "../lib/report/csv.ts";
import { taskKey, taskLabels } from "../lib/report/identity.ts";
import { type Study, studyOf } from "../lib/report/study.ts";
import type { Run } from "../lib/sweep/manifest.ts";
import { formatBytes, formatCount, threeDigits } from "./ui/format.ts";
import { textTable } from "./ui/table.ts";

/** One row per cell that has answers. Columns that are the same everywhere are left out, but for task and arm. */
export function studyTable(run: Run): string {
  const study = studyOf([run]);
  const labels = taskLabels(study.cells.map(({ config }) => config));
  const rows = cellRows(study)
    .map((row, i): Row => ({ ...row, task: labels.get(taskKey(study.cells[i]!.config))! }))
    .filter(({ n }) => Number(n) > 0);
  const number = (value: unknown, format: (value: number) => string) => typeof value === "number" ? format(value) : "-";
  const axes = ["model", "task", "length", "seed", "moment", "kvType"] as const;
  const shown = axes.filter((axis) => axis === "task" || new Set(rows.map((row) => row[axis])).size > 1);
  return textTable(
    [...shown.map(headOf), "arm", "n", "score", "95% interval", "to full", "read", "KV bytes read", "stored"],
    rows.map((row) => [
      ...shown.map((axis) => String(row[axis] ?? "-")),
      String(row["arm"]),
      number(row["n"], formatCount) + (row["partial"] === true ? ` of ${row["expected"]}` : ""),
      number(row["score"], threeDigits),
      `${number(row["ciLow"], threeDigits)} to ${number(row["ciHigh"], threeDigits)}`,
      number(row["delta"], (value) => `${value > 0 ? "+" : ""}${threeDigits(value)}`),
      number(row["measuredBudget"], formatCount),
      number(row["readBytesPerStep"], formatBytes),
      number(row["storedBytes"], formatBytes),
    ]),
  );
}

function headOf(axis: string): string {
  return axis === "kvType" ? "KV type" : axis;
}

/** The same for programs. */
export function studyRecord(run: Run): { path: string; cells: ReturnType<typeof cellRows> } {
  const study: Study = studyOf([run]);
  return { path: run.path, cells: cellRows(study) };
}
