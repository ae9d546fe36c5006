/** What of a study is not done yet. */
import type { PlannedUnit } from "../grid/expand.ts";
import type { Journal } from "./journal.ts";
import { takes } from "./shard.ts";
import type { Unit } from "../run/unit.ts";

/** A unit that a runner gets: what is left of one that was planned. */
export type LeftUnit = PlannedUnit & Unit;

/** Samples of a unit that the same arms have not finished, and how much of the work they are. */
export interface Left {
  readonly unit: LeftUnit;
  readonly weight: number;
}

/**
 * What is left to do of the journal's shard. Every sample runs once, with just the arms that lack it: a process may have
 * been killed between two of them, and a run that was extended has more arms on old samples.
 */
export function unfinished(
  { units, journal }: { readonly units: readonly PlannedUnit[]; readonly journal: Journal },
): Left[] {
  return units.filter(({ place }) => takes(journal.shard, place)).flatMap((unit) => {
    const lacking = unit.group.keys.map((key) => ({
      key,
      arms: unit.arms.filter(({ cell }) => !journal.isFinished(cell, key)),
    })).filter(({ arms }) => arms.length > 0);
    const byArms = Map.groupBy(lacking, ({ arms }) => arms.map(({ cell }) => cell).join());
    return [...byArms.values()].map((samples): Left => {
      const keys = new Set(samples.map(({ key }) => key));
      const done = new Set(unit.group.keys.filter((key) => !keys.has(key)));
      return { unit: { ...unit, arms: samples[0]!.arms, done }, weight: keys.size * (unit.length?.count ?? 1) };
    });
  });
}
