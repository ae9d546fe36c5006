/** `niah_cells.csv`: one row per place of a needle, which is an arm at a length and a depth. */
import { resampledMeans } from "../../statistics/bootstrap.ts";
import { mean } from "../../statistics.ts";
import { isRightOrWrong } from "../../tasks/metrics/registry.ts";
import type { Row } from "./csv.ts";
import { frameColumns } from "./cell_rows.ts";
import { lengthCount } from "../identity.ts";
import { intervalOf } from "../score.ts";
import type { Observation, Study, StudyCell } from "../study.ts";

/** Rows of the cells of the task `niah`, over all of its seeds, in the order of arms, lengths and depths. */
export function niahCellRows({ cells }: Study): Row[] {
  const needles = cells.filter(({ config }) => config.task.name === "niah");
  const places = needles.flatMap((cell) =>
    [...cell.observations.values()].map((observation) => ({ cell, observation, depth: observation.prediction.depth }))
  );
  const groups = Map.groupBy(places, ({ cell, depth }) => JSON.stringify([placeColumns(cell), depth]));
  return [...groups.values()].map((own) => row(own[0]!.cell, own[0]!.depth, own.map(({ observation }) => observation)));
}

/** What places that are counted together have in common, besides the depth. */
function placeColumns({ config, arm }: StudyCell): Row {
  const { haystack, key, needles, distractors, arm: hidden } = config.task.options;
  return {
    ...frameColumns(config),
    arm: arm.label,
    hidden: text(hidden),
    haystack: text(haystack),
    key: text(key),
    needles: text(needles),
    distractors: text(distractors),
    length: config.length === null ? null : lengthCount(config.length),
    unit: config.length?.endsWith("w") ? "words" : "tokens",
  };
}

function row(cell: StudyCell, depth: number | null, observations: readonly Observation[]): Row {
  const scores = observations.map(({ score }) => score);
  const clusters = scores.map((score) => [score]);
  const binary = observations.every(({ prediction }) => isRightOrWrong(prediction.scoring));
  const interval = intervalOf([clusters], binary, () => resampledMeans(clusters, `${cell.id} ${depth}`));
  return {
    ...placeColumns(cell),
    depth,
    iters: observations.length,
    foundMean: mean(scores),
    ciLow: interval?.[0] ?? null,
    ciHigh: interval?.[1] ?? null,
    partialMean: meanOf(observations, ({ scores }) => scores!.partial),
    wrongMean: meanOf(observations, ({ scores }) => scores!.wrong),
    falsePositiveMean: meanOf(observations, ({ scores }) => scores!.falsePositive),
    // Nats: of the whole key, and of its first token, which the answer begins with.
    logpMean: meanOf(observations, ({ expectedLogprobs }) => expectedLogprobs?.reduce((a, b) => a + b, 0)),
    firstLogpMean: meanOf(observations, ({ expectedLogprobs }) => expectedLogprobs?.[0]),
  };
}

function meanOf(
  observations: readonly Observation[],
  value: (prediction: Observation["prediction"]) => number | undefined,
): number | null {
  const values = observations.map(({ prediction }) => value(prediction));
  return values.includes(undefined) ? null : mean(values as number[]);
}

function text(value: unknown): string | number | null {
  return typeof value === "string" || typeof value === "number" ? value : null;
}
