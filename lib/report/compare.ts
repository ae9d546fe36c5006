/** Two runs side by side: what differs in how they were made, and what that does to the same samples. */
import type { CellConfig } from "../sweep/grid/cell.ts";
import type { Run } from "../sweep/folder/manifest.ts";
import { placeOf } from "./aggregates.ts";
import { fieldValues, flatFields } from "./fields.ts";
import { type Delta, deltaOf, type Difference, differences } from "./score.ts";
import { type StudyCell, studyOf } from "./study.ts";

/** A field of the configurations with the values that only differ from run to run. */
export interface FieldDifference {
  readonly field: string;
  readonly a: readonly string[];
  readonly b: readonly string[];
}

export interface CellPair {
  readonly a: StudyCell;
  readonly b: StudyCell;
  /** B less A on the samples that both have. */
  readonly differences: readonly Difference[];
}

/** Cells of one arm of A and one of B, which weigh alike. */
export interface ArmComparison {
  readonly a: string;
  readonly b: string;
  readonly pairs: readonly CellPair[];
  /** B less A; null without samples that both have. */
  readonly delta: Delta | null;
}

export interface Comparison {
  /** Empty where both runs have the same cells. */
  readonly fields: readonly FieldDifference[];
  readonly arms: readonly ArmComparison[];
  /** Over all pairs; null without any. */
  readonly overall: Delta | null;
  /** Cells that have no partner, or several. */
  readonly unmatched: { readonly a: readonly string[]; readonly b: readonly string[] };
}

/**
 * Cells are partners when their configurations are the same, or else when they are the same in everything but the fields whose
 * values differ between the runs. Where some are of the second kind, those of the first, such as the same full cache, are
 * only there to be left out.
 */
export function compareRuns(runA: Run, runB: Run): Comparison {
  const a = studyOf([runA]).cells, b = studyOf([runB]).cells;
  const idsA = new Set(a.map(({ id }) => id)), idsB = new Set(b.map(({ id }) => id));
  const restA = a.filter(({ id }) => !idsB.has(id)), restB = b.filter(({ id }) => !idsA.has(id));
  const fields = differingFields(restA, restB);
  const partners = match(restA, restB, new Set(fields.map(({ field }) => field)));
  const same = a.flatMap((one) => idsB.has(one.id) ? [[one, b.find(({ id }) => id === one.id)!] as const] : []);
  const pairs = (partners.length > 0 ? partners : same).map(([a, b]): CellPair => ({
    a,
    b,
    differences: differences(b, a),
  }));
  const matched = new Set(partners.flat());
  const names = (cells: readonly StudyCell[]) =>
    cells.filter((cell) => !matched.has(cell)).map((cell) => `${cell.arm.label} on ${placeOf(cell)}`);
  return {
    fields,
    arms: [...Map.groupBy(pairs, ({ a, b }) => `${a.arm.key} ${b.arm.key}`).values()].map((own) => ({
      a: own[0]!.a.arm.label,
      b: own[0]!.b.arm.label,
      pairs: own,
      delta: deltaOfPairs(own),
    })),
    overall: deltaOfPairs(pairs),
    unmatched: { a: names(restA), b: names(restB) },
  };
}

function deltaOfPairs(pairs: readonly CellPair[]): Delta | null {
  return deltaOf(pairs.map(({ differences }) => differences), pairs.map(({ a }) => a.setting));
}

function differingFields(a: readonly StudyCell[], b: readonly StudyCell[]): FieldDifference[] {
  const of = (cells: readonly StudyCell[]) => fieldValues(cells.map(({ config }) => config));
  const valuesA = of(a), valuesB = of(b);
  return [...new Set([...valuesA.keys(), ...valuesB.keys()])].flatMap((field) => {
    const own = (valuesA.get(field) ?? ["-"]).toSorted(), other = (valuesB.get(field) ?? ["-"]).toSorted();
    return own.join("\n") === other.join("\n") ? [] : [{ field, a: own, b: other }];
  });
}

function match(
  a: readonly StudyCell[],
  b: readonly StudyCell[],
  fields: ReadonlySet<string>,
): (readonly [StudyCell, StudyCell])[] {
  const key = ({ config }: StudyCell) => remainder(config, fields);
  const others = Map.groupBy(b, key);
  return [...Map.groupBy(a, key)].flatMap(([name, own]) => {
    const partners = others.get(name) ?? [];
    return own.length === 1 && partners.length === 1 ? [[own[0]!, partners[0]!] as const] : [];
  });
}

function remainder(config: CellConfig, fields: ReadonlySet<string>): string {
  return JSON.stringify([...flatFields(config)].filter(([field]) => !fields.has(field)).toSorted());
}

/** Arms of B that are worse for certain, by more than so many points: the whole interval says so. */
export function regressions({ arms }: Comparison, points: number): ArmComparison[] {
  return arms.filter(({ delta }) => delta?.interval != null && delta.interval[1] < -points / 100);
}
