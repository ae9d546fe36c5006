/** What a study found, for the terminal: scores by task and arm. */
import { cellRows } from "../../lib/report/tables/cell_rows.ts";
import { taskKey, taskLabels } from "../../lib/report/identity.ts";
import { deltaToFull, scoreOf } from "../../lib/report/score.ts";
import { spendOf } from "../../lib/report/spend.ts";
import { isComplete, type StudyCell, studyOf } from "../../lib/report/study.ts";
import { inPoints, signed } from "../../lib/report/verdicts.ts";
import { mean } from "../../lib/statistics.ts";
import type { CellConfig } from "../../lib/sweep/grid/cell.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import { formatBytes, formatCount } from "../ui/format.ts";
import { textTable } from "../ui/table.ts";

/** More rows than this are nothing to read: these are then averaged over. */
const MOST_ROWS = 60, AVERAGED = ["length", "seed"];

/** What rows may differ in besides task and arm. */
const AXES: Readonly<Record<string, (config: CellConfig) => string>> = {
  "model": ({ model }) => model,
  "length": ({ length }) => length ?? "-",
  "seed": ({ seed }) => `${seed}`,
  "moment": ({ moment }) => moment,
  "KV type": ({ kvType }) => kvType,
};

/** One row per cell that has answers, or per task and arm where those are too many. Axes with one value are left out. */
export function studyTable(run: Run): string {
  const cells = studyOf([run]).cells.filter(({ observations }) => observations.size > 0);
  if (cells.length === 0) return "No sample has an answer.";
  const labels = taskLabels(cells.map(({ config }) => config));
  const averaged = cells.length > MOST_ROWS;
  const differing = Object.entries(AXES).filter(([, of]) => new Set(cells.map(({ config }) => of(config))).size > 1);
  const axes = differing.filter(([name]) => !averaged || !AVERAGED.includes(name));
  const over = differing.filter((axis) => !axes.includes(axis)).map(([name]) => `${name}s`).join(" and ");
  const keyOf = ({ id, config, arm }: StudyCell) =>
    averaged ? JSON.stringify([taskKey(config), arm.key, ...axes.map(([, of]) => of(config))]) : id;
  const table = textTable(
    [
      "task",
      ...axes.map(([name]) => name),
      "arm",
      "n",
      "score",
      "95% interval",
      "to full",
      "read",
      "KV read",
      "stored",
    ],
    [...Map.groupBy(cells, keyOf).values()].map((own) => [
      labels.get(taskKey(own[0]!.config))!,
      ...axes.map(([, of]) => of(own[0]!.config)),
      own[0]!.arm.label,
      ...numbersOf(own),
    ]),
  );
  return over === "" ? table : `${table}\n\nMeans over ${over}; --json prints every cell.`;
}

/** Of one cell, or of several that weigh alike. */
function numbersOf(cells: readonly StudyCell[]): string[] {
  const score = scoreOf(cells), delta = deltaToFull(cells);
  const spends = cells.map(spendOf).filter((spend) => spend !== null);
  const spent = (of: (spend: typeof spends[number]) => number, format: (value: number) => string) =>
    spends.length === 0 ? "-" : format(mean(spends.map(of)));
  return [
    formatCount(score?.n ?? 0) + (cells.every(isComplete) ? "" : " so far"),
    score === null ? "-" : inPoints(score.value),
    score?.interval ? score.interval.map(inPoints).join(" to ") : "-",
    delta === null ? "-" : signed(delta.value).replace("−", "-"),
    spent(({ measuredBudget }) => measuredBudget, formatCount),
    spent(({ readBytesPerStep }) => readBytesPerStep, formatBytes),
    spent(({ storedBytes, auxBytes }) => storedBytes + auxBytes, formatBytes),
  ];
}

/** All cells, for programs. */
export function studyRecord(run: Run): { path: string; cells: ReturnType<typeof cellRows> } {
  return { path: run.path, cells: cellRows(studyOf([run])) };
}
