/** What a study found, for the terminal: scores by task and arm. */
import { cellRows, points } from "../../lib/report/tables/cell_rows.ts";
import { taskKey, taskLabels } from "../../lib/report/identity.ts";
import { deltaToFull, scoreOf } from "../../lib/report/score.ts";
import { spendOf } from "../../lib/report/spend.ts";
import { isComplete, type StudyCell, studyOf } from "../../lib/report/study.ts";
import { mean } from "../../lib/statistics.ts";
import type { CellConfig } from "../../lib/sweep/grid/cell.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import { formatBytes, formatCount, threeDigits } from "../ui/format.ts";
import { textTable } from "../ui/table.ts";

/** More rows than this are nothing to read: lengths and seeds are then averaged. */
const MOST_ROWS = 60;

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
  const labels = taskLabels(cells.map(({ config }) => config));
  const averaged = cells.length > MOST_ROWS;
  const axes = Object.entries(AXES).filter(([name, of]) =>
    !(averaged && ["length", "seed"].includes(name)) && new Set(cells.map(({ config }) => of(config))).size > 1
  );
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
  return averaged ? `${table}\n\nMeans over lengths and seeds; --json prints every cell.` : table;
}

/** Of one cell, or of several that weigh alike. */
function numbersOf(cells: readonly StudyCell[]): string[] {
  const score = scoreOf(cells), delta = deltaToFull(cells);
  const spends = cells.map(spendOf).filter((spend) => spend !== null);
  const spent = (of: (spend: typeof spends[number]) => number, format: (value: number) => string) =>
    spends.length === 0 ? "-" : format(mean(spends.map(of)));
  const show = (share: number | undefined) => share === undefined ? "-" : threeDigits(points(share)!);
  return [
    formatCount(score?.n ?? 0) + (cells.every(isComplete) ? "" : " so far"),
    show(score?.value),
    score === null ? "-" : score.interval.map(show).join(" to "),
    delta === null ? "-" : `${delta.value > 0 ? "+" : ""}${show(delta.value)}`,
    spent(({ measuredBudget }) => measuredBudget, formatCount),
    spent(({ readBytesPerStep }) => readBytesPerStep, formatBytes),
    spent(({ storedBytes }) => storedBytes, formatBytes),
  ];
}

/** All cells, for programs. */
export function studyRecord(run: Run): { path: string; cells: ReturnType<typeof cellRows> } {
  return { path: run.path, cells: cellRows(studyOf([run])) };
}
