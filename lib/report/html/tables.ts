/** The tables of a board: arms, tasks, and duels at equal bytes. */
import { formatCount, threeDigits } from "../../format.ts";
import { mean } from "../../statistics.ts";
import { type Aggregate, aggregatesOf } from "../aggregates.ts";
import type { Board, BoardArm } from "../boards.ts";
import { duelsOf } from "../duels.ts";
import { taskKey, taskLabels } from "../identity.ts";
import { protagonists } from "../tables/pair_rows.ts";
import { deltaToFull } from "../score.ts";
import { paceOf, spendOf } from "../spend.ts";
import { budgetWords, inPoints } from "../verdicts.ts";
import {
  armField,
  bytesField,
  deltaField,
  deltaToFullField,
  numberField,
  PARTIAL,
  pField,
  ratioField,
  scoreField,
  tallyField,
} from "./fields.ts";
import type { Html } from "./html.ts";
import { type Column, type Field, table } from "./table.ts";

/** Every arm with its mean score, what it lost, and what it cost. */
export function armsTable(board: Board): Html {
  const columns: Column[] = [
    { head: "arm" },
    { head: "score", numeric: true, about: "Mean over tasks and lengths, in points, with its 95 % interval" },
    { head: "against full", numeric: true, about: "Paired difference on the same samples, in points" },
    { head: "p", numeric: true, about: "Probability of such a difference between arms that are as good" },
    {
      head: "win / tie / loss",
      numeric: true,
      about: "Samples on which the arm did better, as well, and worse than the full cache",
    },
    {
      head: "compression",
      numeric: true,
      about: "Bytes that a decode step reads of the full cache, over those that this arm reads",
    },
    { head: "read / step", numeric: true },
    { head: "stored", numeric: true, about: "K, V and what is kept beside them, of all layers" },
    { head: "tokens/s", numeric: true, about: "While decoding" },
    { head: "n", numeric: true, about: "Answers" },
  ];
  return table("Scores and costs", columns, board.arms.map((arm) => armRow(arm)));
}

function armRow(arm: BoardArm): Field[] {
  const { cells } = arm, delta = deltaToFull(cells), spends = cells.map(spendOf).filter((spend) => spend !== null);
  const stored = spends.length === 0 ? null : mean(spends.map((spend) => spend.storedBytes + spend.auxBytes));
  const n = cells.reduce((sum, { observations }) => sum + observations.size, 0);
  return [
    armField(arm),
    scoreField(cells),
    deltaField(delta),
    pField(delta),
    tallyField(delta),
    ratioField(arm.ratio),
    bytesField(arm.read),
    bytesField(stored),
    numberField(paceOf(cells)?.tokensPerSecond),
    { show: n, value: n },
  ];
}

/** Scores by task, over lengths and seeds. Null with one task. */
export function tasksTable(board: Board): Html | null {
  const configs = board.arms.flatMap(({ cells }) => cells.map(({ config }) => config));
  const labels = taskLabels(configs);
  if (labels.size < 2) return null;
  const columns = [
    { head: "arm" },
    ...labels.values().map((head) => ({ head: head.slice(head.indexOf("/") + 1), numeric: true })),
  ];
  const rows = board.arms.map((arm) => [
    armField(arm),
    ...labels.keys().map((task) => {
      const own = arm.cells.filter(({ config }) => taskKey(config) === task);
      const { show, value = null } = scoreField(own), { tone = null } = deltaToFullField(own);
      return { show: value === null ? show : inPoints(value), value, tone };
    }),
  ]);
  return table("Scores by task", columns, rows);
}

/** Averages by the names that the benchmark gives them. Null where the plain mean over everything is all there is. */
export function aggregatesTable(board: Board): Html | null {
  const all = board.arms.map((arm) => ({ arm, own: aggregatesOf(board, arm).filter(({ asked }) => asked) }));
  if (all.every(({ own }) => own.length < 2)) return null;
  const heads = all[0]!.own.map(({ name, length }) => length === null ? name : `${name} at ${length}`);
  const rows = all.map(({ arm, own }) => [armField(arm), ...own.map(aggregateField)]);
  return table("Averages", [{ head: "arm" }, ...heads.map((head) => ({ head, numeric: true }))], rows);
}

function aggregateField({ value, unit, lacks }: Aggregate): Field {
  const partial = lacks.length > 0 ? PARTIAL : null;
  if (value === null) return { show: partial ?? "–", value: null };
  return { show: [unit === "tokens" ? formatCount(value) : inPoints(value), partial], value };
}

/** Against every other method where a step reads as many bytes. Null with one method. */
export function duelsTable(board: Board): Html | null {
  const duels = protagonists(board).flatMap((arm) => duelsOf(board, arm));
  if (duels.length === 0) return null;
  const columns: Column[] = [
    { head: "arm" },
    { head: "other" },
    { head: "difference", numeric: true, about: "The arm less the other on the same samples, in points" },
    { head: "p", numeric: true },
    { head: "win / tie / loss", numeric: true },
    { head: "read / step", numeric: true, about: "By the arm" },
    { head: "other reads", numeric: true, about: "1× is equal bytes; else the nearest of its budgets" },
    { head: "n", numeric: true },
  ];
  return table(
    "Other methods at equal bytes",
    columns,
    duels.map(({ ours, series, read, theirRead, delta }) => [
      { show: ours.arm.budget === null ? ours.arm.label : `${ours.arm.series}, ${budgetWords(ours.arm.budget)}` },
      { show: series },
      deltaField(delta),
      pField(delta),
      tallyField(delta),
      bytesField(read),
      { show: `${threeDigits(theirRead / read)}×`, value: theirRead / read },
      { show: delta.n, value: delta.n },
    ]),
  );
}
