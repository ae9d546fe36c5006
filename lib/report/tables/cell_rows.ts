/** `cells.csv`: one row per cell, which is one arm on one task at one length. */
import { mean } from "../../statistics.ts";
import { canonicalJson } from "../../sweep/grid/cell.ts";
import { parseLength } from "../../sweep/grid/length.ts";
import { fillShare } from "../../tasks/prompt/fill_share.ts";
import type { Row } from "./csv.ts";
import { deltaToFull, scoreOf } from "../score.ts";
import { goldKeptOf, paceOf, spendOf } from "../spend.ts";
import { isComplete, type Study, type StudyCell } from "../study.ts";

/** Of the scores, in points: 100 is all right. */
export const POINTS = 100;

export function cellRows({ cells }: Study): Row[] {
  const others = [...new Set(cells.flatMap(otherScores))].toSorted();
  return cells.map((cell) => cellRow(cell, others));
}

function cellRow(cell: StudyCell, others: readonly string[]): Row {
  const { observations, failures } = cell;
  const answers = [...observations.values()].map(({ prediction }) => prediction);
  const score = scoreOf([cell]), full = cell.full === null ? null : scoreOf([cell.full]), delta = deltaToFull([cell]);
  const spend = spendOf(cell), pace = paceOf([cell]), gold = goldKeptOf([cell]);
  const share = (of: (answer: typeof answers[number]) => boolean) =>
    answers.length === 0 ? null : answers.filter(of).length / answers.length;
  return {
    cell: cell.id,
    ...identity(cell),
    n: answers.length,
    groups: score?.groups ?? 0,
    expected: cell.expected,
    missing: cell.missing,
    errors: failures.length,
    outOfMemory: failures.filter(isOutOfMemory).length,
    partial: !isComplete(cell),
    score: points(score?.value),
    ciLow: points(score?.interval?.[0]),
    ciHigh: points(score?.interval?.[1]),
    fullScore: points(full?.value),
    delta: points(delta?.value),
    deltaLow: points(delta?.interval?.[0]),
    deltaHigh: points(delta?.interval?.[1]),
    p: delta?.p ?? null,
    test: delta?.test ?? null,
    wins: delta?.wins ?? null,
    ties: delta?.ties ?? null,
    losses: delta?.losses ?? null,
    nulls: answers.filter(({ answer }) => answer.trim() === "").length,
    lengthStops: share(({ finish }) => finish === "length"),
    truncatedShare: share(({ truncatedTokens }) => truncatedTokens > 0),
    fill: fillOf(cell),
    promptTokens: answers.length === 0 ? null : mean(answers.map(({ promptTokens }) => promptTokens)),
    ratio: spend?.ratio ?? null,
    storedRatio: spend?.storedRatio ?? null,
    tokenBudget: cell.config.budget === null ? null : spend?.tokenBudget ?? null,
    measuredBudget: spend?.measuredBudget ?? null,
    readBytesPerStep: spend?.readBytesPerStep ?? null,
    storedBytes: spend?.storedBytes ?? null,
    auxBytes: spend?.auxBytes ?? null,
    fullReadBytesPerStep: spend?.fullReadBytesPerStep ?? null,
    fullStoredBytes: spend?.fullStoredBytes ?? null,
    keptTokens: spend?.keptTokens ?? null,
    goldKept: gold === null ? null : mean(gold),
    tokensPerSecond: pace?.tokensPerSecond ?? null,
    ttftMs: pace?.ttftMs ?? null,
    prefillMs: pace?.prefillMs ?? null,
    compressMs: pace?.compressMs ?? null,
    decodeMs: pace?.decodeMs ?? null,
    peakBytes: pace?.peakBytes ?? null,
    ...Object.fromEntries(others.map((name) => [`mean_${name}`, meanScore(cell, name)])),
  };
}

/** Columns that say which cell this is. */
export function identity({ config, arm }: StudyCell): Row {
  return {
    ...frameColumns(config),
    arm: arm.label,
    method: config.method,
    budget: config.budget,
    kvType: config.kvType,
    settings: Object.keys(config.set).length === 0 ? null : canonicalJson(config.set),
    task: config.task.name,
    taskOptions: Object.keys(config.task.options).length === 0 ? null : canonicalJson(config.task.options),
    length: config.length,
    seed: config.seed,
  };
}

/** Columns of what may not differ in a table. */
export function frameColumns(
  { model, endpoint, moment, dataMode, scorer, truncate }: StudyCell["config"],
): Row {
  return { model, endpoint, moment, dataMode, scorer, truncate };
}

/** A share in points. */
export function points(share: number | undefined | null): number | null {
  return share === undefined || share === null ? null : share * POINTS;
}

/** Share of the length that the prompts take up with room for their answers, as a mean; null where files or words decide. */
export function fillOf({ config, observations }: StudyCell): number | null {
  if (config.length === null) return null;
  const length = parseLength(config.length);
  const shares = [...observations.values()].flatMap(({ prediction: { promptTokens, maxNewTokens } }) =>
    fillShare(length, promptTokens, maxNewTokens) ?? []
  );
  return shares.length === 0 ? null : mean(shares);
}

/** Mean of a score by the metric's own name; null where an answer lacks it. */
export function meanScore({ observations }: StudyCell, name: string): number | null {
  const values = [...observations.values()].map(({ prediction }) => prediction.scores![name]);
  return values.length === 0 || values.includes(undefined) ? null : mean(values as number[]);
}

export function isOutOfMemory({ error }: { readonly error?: string }): boolean {
  return error?.startsWith("out of memory") ?? false;
}

function otherScores({ observations }: StudyCell): string[] {
  return [...observations.values()].flatMap(({ prediction }) => Object.keys(prediction.scores!))
    .filter((name) => name !== "score");
}
