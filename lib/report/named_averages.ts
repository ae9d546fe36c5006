/** From cells to the averages that each benchmark's own module computes. */
import { bucketAverages, longbenchAverages } from "../tasks/longbench/aggregate.ts";
import { longbenchV2Averages } from "../tasks/longbench_v2/aggregate.ts";
import { rulerAggregate } from "../tasks/ruler/aggregate.ts";
import { RULER_TASKS } from "../tasks/ruler/recipes.ts";
import { scbenchAverages, taskScore } from "../tasks/scbench/aggregate.ts";
import { mean } from "../statistics.ts";
import type { Aggregate } from "./aggregates.ts";
import { lengthCount } from "./identity.ts";
import { isComplete, type StudyCell } from "./study.ts";

/** `of`: tasks that it is an average of, without the benchmark's name. */
export type NamedAverage = Omit<Aggregate, "cells" | "asked"> & { readonly of: readonly string[] };

/** @param lengths  That the board has, ascending. Unfinished cells count as missing. Empty for other benchmarks. */
export function namedAverages(
  benchmark: string,
  cells: readonly StudyCell[],
  lengths: readonly (string | null)[],
): NamedAverage[] {
  const complete = cells.filter(isComplete);
  if (benchmark === "ruler") return ruler(complete, lengths.filter((length) => length !== null));
  if (benchmark === "longbench") {
    const even = cells.some(isEven) ? buckets(complete.filter(isEven)) : [];
    return [...withTasks(complete, longbenchAverages, overAnswers), ...even];
  }
  if (benchmark === "longbench-v2") return parts(complete);
  if (benchmark === "scbench") return withTasks(complete, scbenchAverages, overTurns);
  return [];
}

function ruler(cells: readonly StudyCell[], lengths: readonly string[]): NamedAverage[] {
  const tasks = Map.groupBy(cells, ({ config }) => `${config.task.name.split("/")[1]} ${config.length}`);
  const scores = [...tasks].map(([key, own]) => {
    const [task, length] = key.split(" ") as [string, string];
    return { task, length: lengthCount(length), score: overAnswers(own)! };
  });
  const { byLength, ...over } = rulerAggregate(scores);
  const average = (name: string, value: number | null, length: string | null = null): NamedAverage => ({
    name,
    length,
    value,
    unit: "score",
    lacks: (length === null ? lengths : [length]).flatMap((one) =>
      RULER_TASKS.filter((task) => !tasks.has(`${task} ${one}`)).map((task) => `ruler/${task} at ${one}`)
    ),
    of: RULER_TASKS,
  });
  const all = average("mean of 13", over.mean), whole = all.lacks.length === 0;
  return [
    ...lengths.map((length) =>
      average("mean of 13", byLength.find((one) => one.length === lengthCount(length))?.mean ?? null, length)
    ),
    { ...all, value: whole ? over.mean : null },
    average("wAvg (inc)", whole ? over.weightedToLong : null),
    average("wAvg (dec)", whole ? over.weightedToShort : null),
    { ...average("effective length", whole ? over.effectiveLength : null), unit: "tokens" },
  ];
}

type Averages = (scores: ReadonlyMap<string, number>) => readonly {
  readonly name: string;
  readonly value: number | null;
  readonly lacks: readonly string[];
}[];

function withTasks(
  cells: readonly StudyCell[],
  averages: Averages,
  score: (cells: readonly StudyCell[]) => number | null,
): NamedAverage[] {
  const tasks = Map.groupBy(cells, ({ config }) => config.task.name.slice(config.task.name.indexOf("/") + 1));
  const scores = [...tasks].flatMap(([task, own]): [string, number][] => {
    const value = score(own);
    return value === null ? [] : [[task, value]];
  });
  const everything = averages(new Map()); // with no task at all, each lacks whatever it is of
  return averages(new Map(scores)).map((average, i) => ({
    ...average,
    length: null,
    unit: "score",
    of: everything[i]!.lacks,
  }));
}

function buckets(cells: readonly StudyCell[]): NamedAverage[] {
  const scores = cells.flatMap(({ config, observations }) =>
    [...observations.values()].map(({ score, prediction: { scoring } }) => (
      { task: config.task.name.split("/")[1]!, words: scoring.details?.words as number, score }
    ))
  );
  const everything = bucketAverages([]);
  return bucketAverages(scores).map((average, i) => (
    { ...average, name: `LongBench-E ${average.name}`, length: null, unit: "score", of: everything[i]!.lacks }
  ));
}

/** Of LongBench-E. */
function isEven({ config }: StudyCell): boolean {
  return config.task.name.endsWith("_e");
}

function parts(cells: readonly StudyCell[]): NamedAverage[] {
  const predictions = cells.flatMap(({ observations }) =>
    [...observations.values()].map(({ prediction }) => prediction)
  );
  return longbenchV2Averages(predictions).map(({ name, value }) => (
    { name, value, length: null, unit: "score", lacks: [], of: [] }
  ));
}

/** Of one task, over its seeds. */
function overAnswers(cells: readonly StudyCell[]): number | null {
  return mean(cells.map(({ observations }) => mean([...observations.values()].map(({ score }) => score))));
}

function overTurns(cells: readonly StudyCell[]): number | null {
  const scores = cells.map(({ config, observations }) =>
    taskScore(
      config.task.name.split("/")[1]!,
      [...observations.values()].map(({ prediction: { turn, subtask }, score }) => ({
        turn,
        score,
        ...(subtask !== undefined && { subtask }),
      })),
      config.scorer,
    )
  );
  return scores.includes(null) ? null : mean(scores as number[]);
}
