/** What a reader has to know before believing a report. */
import { firstFew, formatCount, plural } from "../format.ts";
import { placeOf } from "./aggregates.ts";
import { FILLED } from "../tasks/prompt/fill_share.ts";
import { fillOf, isOutOfMemory } from "./tables/cell_rows.ts";
import { differences, ENOUGH_CONTEXTS } from "./score.ts";
import { isComplete, type Study, type StudyCell } from "./study.ts";

/** Fewer answers than this say little about a few points. */
const ENOUGH = 100;

export function warningsOf({ cells, manifests }: Study): string[] {
  return [
    ...unfinished(cells),
    ...outOfMemory(cells),
    ...failed(cells),
    ...withoutFull(cells),
    ...small(cells),
    ...fewContexts(cells),
    ...mixed(cells),
    ...underfilled(cells),
    ...cut(cells),
    ...unpaired(cells),
    ...withoutParser(cells),
    ...versions(manifests.map(({ rocketkv }) => rocketkv)),
  ];
}

export function isPartial({ cells }: Study): boolean {
  return !cells.every(isComplete);
}

function unfinished(cells: readonly StudyCell[]): string[] {
  const missing = cells.filter((cell) => cell.missing > 0),
    samples = missing.reduce((sum, cell) => sum + cell.missing, 0);
  return missing.length === 0 ? [] : [
    `PARTIAL: ${plural(samples, "sample")} of ${plural(missing.length, "cell")} without an answer so far: ${
      firstFew(missing.map(nameOf))
    }.`,
  ];
}

function outOfMemory(cells: readonly StudyCell[]): string[] {
  const own = cells.filter(({ failures }) => failures.some(isOutOfMemory));
  return own.length === 0
    ? []
    : [`Out of memory, and counted as missing, never as wrong: ${firstFew(own.map(nameOf))}.`];
}

function failed(cells: readonly StudyCell[]): string[] {
  const errors = cells.flatMap(({ failures }) => failures.filter((one) => !isOutOfMemory(one)));
  return errors.length === 0 ? [] : [
    `${plural(errors.length, "answer")} failed otherwise, the first one with: ${
      errors[0]!.error ?? "no reason given"
    }.`,
  ];
}

function withoutFull(cells: readonly StudyCell[]): string[] {
  const own = cells.filter(({ full }) => full === null);
  return own.length === 0 ? [] : [
    `There is no full cache to compare ${plural(own.length, "cell")} with: ${firstFew(own.map(nameOf))}.`,
  ];
}

function small(cells: readonly StudyCell[]): string[] {
  const sizes = cells.map(({ observations }) => observations.size).filter((size) => size > 0 && size < ENOUGH);
  if (sizes.length === 0) return [];
  const least = Math.min(...sizes), most = Math.max(...sizes);
  return [
    `Fewer than ${ENOUGH} answers (${least === most ? least : `${least} to ${most}`}) in ${
      ofAll(sizes.length, cells.length)
    }: one answer is ${(100 / least).toFixed(1)} points` +
    `${least === most ? "" : " in the smallest"}. Read intervals, not scores.`,
  ];
}

function fewContexts(cells: readonly StudyCell[]): string[] {
  const counts = cells.map(contextsOf), own = counts.filter((count) => count > 0 && count < ENOUGH_CONTEXTS);
  if (own.length === 0) return [];
  const least = Math.min(...own), most = Math.max(...own);
  return [
    `Fewer than ${ENOUGH_CONTEXTS} contexts (${least === most ? least : `${least} to ${most}`}) in ${
      ofAll(own.length, cells.length)
    }: differences have no interval there, and no test finds them below p = 0.05. Means over several cells may have enough.`,
  ];
}

/** Answers on one context are no independent ones. */
function contextsOf({ observations }: StudyCell): number {
  return new Set([...observations.values()].map(({ prediction }) => prediction.group)).size;
}

function mixed(cells: readonly StudyCell[]): string[] {
  const values = (
    name: "moment" | "dataMode" | "scorer" | "truncate",
  ) => [...new Set(cells.map(({ config }) => config[name]))];
  const fields = (["moment", "dataMode", "scorer", "truncate"] as const).filter((name) => values(name).length > 1);
  return fields.map((name) =>
    `Results with ${values(name).join(" and ")} cannot be compared, and are in tables of their own.`
  );
}

function underfilled(cells: readonly StudyCell[]): string[] {
  const own = cells.flatMap((cell) => {
    const fill = fillOf(cell);
    return fill !== null && fill < FILLED ? [{ place: placeOf(cell), fill }] : [];
  });
  if (own.length === 0) return [];
  const least = own.reduce((a, b) => a.fill <= b.fill ? a : b);
  return [
    `Prompts fill less than ${100 * FILLED} % of their length: ${firstFew(own.map(({ place }) => place))}; ` +
    `the least is ${(100 * least.fill).toFixed(1)} % at ${least.place}.`,
  ];
}

function cut(cells: readonly StudyCell[]): string[] {
  const answers = cells.flatMap(({ observations }) => [...observations.values()]);
  const own = answers.filter(({ prediction }) => prediction.truncatedTokens > 0);
  return own.length === 0 ? [] : [
    `${plural(own.length, "prompt")} of ${
      formatCount(answers.length)
    } were cut to fit the model; that makes tasks easier or impossible.`,
  ];
}

function unpaired(cells: readonly StudyCell[]): string[] {
  const own = cells.filter((cell) => {
    if (cell.full === null || cell.full === cell) return false;
    const both = [...cell.observations.keys()].filter((id) => cell.full!.observations.has(id)).length;
    return differences(cell, cell.full).length < both;
  });
  return own.length === 0 ? [] : [
    `Some prompts are not those of the full cache, and are left out of differences: ${firstFew(own.map(nameOf))}.`,
  ];
}

/** RepoQA's answers, which the benchmark scores otherwise. */
function withoutParser(cells: readonly StudyCell[]): string[] {
  const answers = cells.flatMap(({ observations }) => [...observations.values()].map(({ prediction }) => prediction));
  const own = answers.filter(({ scoring }) => scoring.metric === "repoqa");
  const fenced = own.filter(({ scores }) => scores?.["fenced"] === 1).length;
  return own.length === 0 ? [] : [
    `RepoQA: the function of an answer is its first fenced block (${formatCount(fenced)} of ${
      plural(own.length, "answer")
    }), else all of it; the benchmark cuts it out with a parser.`,
  ];
}

function versions(all: readonly string[]): string[] {
  const own = [...new Set(all)];
  return own.length < 2 ? [] : [`The runs were made by versions ${own.join(", ")} of the program.`];
}

function ofAll(count: number, all: number): string {
  return `${formatCount(count)} of ${plural(all, "cell")}`;
}

function nameOf(cell: StudyCell): string {
  return `${cell.arm.label} on ${placeOf(cell)}`;
}
