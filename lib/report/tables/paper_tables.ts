/** Tables for papers and documents: one per board, in Markdown and in LaTeX. */
import { threeDigits } from "../../format.ts";
import { markdownTable } from "../../markdown.ts";
import type { Board, BoardArm } from "../boards.ts";
import { isOutOfMemory } from "./cell_rows.ts";
import { taskKey, taskLabels } from "../identity.ts";
import { latexTable } from "./latex.ts";
import { deltaToFull, scoreOf } from "../score.ts";
import type { StudyCell } from "../study.ts";
import { inPoints, signed } from "../verdicts.ts";

interface PaperTable {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function markdownTables(boards: readonly Board[]): string {
  return boards.map(tableOf).map(({ caption, head, rows }) => `${caption}\n\n${markdownTable(head, rows)}\n`).join(
    "\n",
  );
}

/** Wants the package booktabs. */
export function latexTables(boards: readonly Board[]): string {
  return boards.map(tableOf).map(({ caption, head, rows }) => latexTable(caption, head, rows)).join("\n");
}

function tableOf(board: Board): PaperTable {
  const tasks = taskLabels(board.arms.flatMap(({ cells }) => cells.map(({ config }) => config)));
  const head = [
    "method",
    "budget",
    "compression",
    ...(tasks.size > 1 ? tasks.values() : []),
    "mean",
    "95 %",
    "to full",
    "p",
  ];
  const rows = board.arms.map((arm) => row(arm, tasks.size > 1 ? [...tasks.keys()] : []));
  const partial = board.arms.some(({ complete }) => !complete) ? " * PARTIAL: samples are missing." : "";
  return { caption: `${board.benchmark} on ${board.frame.model} (${board.frame.conditions}).${partial}`, head, rows };
}

function row({ arm, cells, complete, ratio }: BoardArm, tasks: readonly string[]): string[] {
  const score = scoreOf(cells), delta = deltaToFull(cells);
  return [
    arm.series,
    arm.budget ?? "-",
    ratio === null ? "-" : `${threeDigits(ratio)}x`,
    ...tasks.map((task) => scoreText(cells.filter(({ config }) => taskKey(config) === task))),
    `${score === null ? scoreText(cells) : inPoints(score.value)}${complete ? "" : "*"}`,
    score?.interval ? score.interval.map(inPoints).join(" to ") : "-",
    delta === null ? "-" : signed(delta.value).replace("−", "-"),
    delta === null ? "-" : delta.p < 0.001 ? "<0.001" : delta.p.toPrecision(2),
  ];
}

function scoreText(cells: readonly StudyCell[]): string {
  const score = scoreOf(cells);
  if (score !== null) return inPoints(score.value);
  return cells.some(({ failures }) => failures.some(isOutOfMemory)) ? "OOM" : "-";
}
