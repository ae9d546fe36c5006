/** `tasks.csv`: one row per arm and task, over lengths and seeds. */
import { type Board, seedSpread } from "../boards.ts";
import { frameColumns, points } from "./cell_rows.ts";
import type { Row } from "./csv.ts";
import { taskKey, taskLabels } from "../identity.ts";
import { deltaToFull, scoreOf } from "../score.ts";
import { meanRatio } from "../spend.ts";
import { isComplete, type StudyCell } from "../study.ts";

export function taskRows(boards: readonly Board[]): Row[] {
  return boards.flatMap(boardRows);
}

function boardRows(board: Board): Row[] {
  const all = board.arms.flatMap(({ cells }) => cells);
  const labels = taskLabels(all.map(({ config }) => config));
  const settings = (task: string) =>
    new Set(all.filter(({ config }) => taskKey(config) === task).map(({ setting }) => setting)).size;
  return board.arms.flatMap(({ arm, cells }) =>
    [...Map.groupBy(cells, ({ config }) => taskKey(config))].map(([task, own]) => ({
      ...frameColumns(own[0]!.config),
      arm: arm.label,
      method: arm.method,
      budget: arm.budget,
      task: labels.get(task)!,
      cells: own.length,
      partial: own.length < settings(task) || !own.every(isComplete),
      ...scoreColumns(own),
    }))
  );
}

/** Score, difference from the full cache, and seeds, of cells that weigh alike. */
export function scoreColumns(cells: readonly StudyCell[]): Row {
  const score = scoreOf(cells), delta = deltaToFull(cells), seeds = seedSpread(cells);
  return {
    n: score?.n ?? 0,
    score: points(score?.value),
    ciLow: points(score?.interval?.[0]),
    ciHigh: points(score?.interval?.[1]),
    delta: points(delta?.value),
    deltaLow: points(delta?.interval?.[0]),
    deltaHigh: points(delta?.interval?.[1]),
    p: delta?.p ?? null,
    wins: delta?.wins ?? null,
    ties: delta?.ties ?? null,
    losses: delta?.losses ?? null,
    seeds: seeds?.seeds ?? null,
    seedMean: points(seeds?.mean),
    seedDeviation: points(seeds?.deviation),
    ratio: meanRatio(cells),
  };
}
