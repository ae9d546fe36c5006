/** `rocketkv compare`: what differs between two runs, and whether scores do. */
import { type Command, Option } from "@commander-js/extra-typings";
import { RunError } from "../../lib/error.ts";
import { compareRuns, type Comparison, regressions } from "../../lib/report/compare.ts";
import type { Delta } from "../../lib/report/score.ts";
import { formatP, signedInterval } from "../../lib/report/verdicts.ts";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import { EarlyEnd, EXIT } from "../failure.ts";
import * as option from "../options.ts";
import { firstFew, formatCount, plural } from "../ui/format.ts";
import { note, writeJson, writeLine } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .argument("<a>", "run folder that is compared with")
    .argument("<b>", "run folder whose scores are judged")
    .addOption(
      new Option("--fail-below <points>", "end with code 4 when an arm of B is worse by more than this, for certain")
        .argParser(option.number("--fail-below", { min: 0 })),
    )
    .addOption(new Option("--json", "print one record").default(false))
    .action(async (pathA, pathB, { failBelow, json }) => {
      const comparison = compareRuns(await readRun(pathA), await readRun(pathB));
      if (comparison.overall === null) throw nothingShared(comparison);
      if (json) writeJson(record(comparison));
      else await print(comparison);
      const worse = failBelow === undefined ? [] : regressions(comparison, failBelow);
      if (worse.length > 0) {
        const arms = worse.map(({ b, delta }) => `${b} by ${signedInterval(delta!)} points`).join(", ");
        throw new EarlyEnd(EXIT.regression, `Cannot accept ${pathB}: it is worse than ${pathA}: ${arms}`);
      }
    });
}

function nothingShared({ fields, arms, unmatched }: Comparison): RunError {
  const differing = fields.map(({ field }) => field).join(", ") || "no field";
  const found = arms.length > 0
    ? `they differ in ${differing}, and no sample of one is one of the other`
    : `they differ in ${differing}, and ${plural(unmatched.a.length, "cell")} of the first and ` +
      `${formatCount(unmatched.b.length)} of the second have no partner, or several`;
  return new RunError(`Cannot compare the runs: expected samples that both have: ${found}`);
}

/** Shares become points, as everywhere outside. */
function record({ fields, arms, overall, unmatched }: Comparison) {
  const inPoints = (delta: Delta | null) =>
    delta && { ...delta, value: delta.value * 100, interval: delta.interval?.map((bound) => bound * 100) ?? null };
  return {
    fields,
    arms: arms.map(({ a, b, pairs, delta }) => ({ a, b, cells: pairs.length, delta: inPoints(delta) })),
    overall: inPoints(overall),
    unmatched,
  };
}

async function print({ fields, arms, overall, unmatched }: Comparison): Promise<void> {
  const { textTable } = await import("../ui/table.ts");
  if (fields.length === 0) writeLine("The configurations are the same.\n");
  else {writeLine(
      textTable(["field", "A", "B"], fields.map(({ field, a, b }) => [field, a.join(", "), b.join(", ")])) + "\n",
    );}
  const row = (a: string, b: string, cells: number, delta: Delta | null) => [
    a,
    b,
    cells,
    delta === null ? "-" : delta.n,
    delta === null ? "-" : signedInterval(delta),
    delta === null ? "-" : formatP(delta.p).replace("p = ", "").replace("p ", ""),
    delta === null ? "-" : `${delta.wins} / ${delta.ties} / ${delta.losses}`,
  ];
  const rows = arms.map(({ a, b, pairs, delta }) => row(a, b, pairs.length, delta));
  const cells = arms.reduce((sum, { pairs }) => sum + pairs.length, 0);
  if (arms.length > 1) rows.push(row("all", "all", cells, overall));
  writeLine(textTable(["A", "B", "cells", "n", "B less A, points", "p", "win / tie / loss"], rows));
  const sides = [["A", unmatched.a], ["B", unmatched.b]] as const;
  const alone = sides.flatMap(([side, names]) => names.length === 0 ? [] : [`${firstFew(names)} of ${side}`]);
  if (alone.length > 0) note(`Left out, as they have no partner or several: ${alone.join("; ")}`);
}
