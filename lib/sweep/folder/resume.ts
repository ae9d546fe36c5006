/** A run folder that is there already: the same run goes on, another one is refused, or added where that was asked for. */
import { RunError } from "../../error.ts";
import { writing } from "../../model/writing.ts";
import type { Json } from "../../tasks/sample.ts";
import { canonicalJson } from "../grid/cell.ts";
import { reading } from "./files.ts";
import { readManifest, writeManifest } from "./folder.ts";
import type { Manifest } from "./manifest.ts";

export interface ResumeOptions {
  /** Add what is asked for to what is there. */
  readonly extend: boolean;
  /** Set what is there aside. */
  readonly forceNew: boolean;
}

/**
 * Make a run folder, or go on with the one that is there. The caller holds a lock.
 *
 * @param alone  Nobody else is at work there.
 * @returns What the run is about now.
 * @throws {RunError} for a run with another configuration; the message has the fields that differ.
 */
export async function resume(
  path: string,
  wanted: Manifest,
  { extend, forceNew }: ResumeOptions,
  alone: boolean,
): Promise<Manifest> {
  const found = await readManifest(path);
  if (found !== null && !forceNew) {
    const changed = telling(differences(comparable(wanted, wanted, extend), comparable(found, wanted, extend)));
    if (changed.length > 0) {
      const advice = extend ? "--force-new sets it aside" : "--extend adds to it, --force-new sets it aside";
      throw new RunError(`Cannot go on in ${path}: it has another configuration: ${changed.join("; ")}: ${advice}`);
    }
    if (!extend) return found;
    const united = unite(found, wanted);
    if (canonicalJson(united as unknown as Json) !== canonicalJson(found as unknown as Json)) {
      await writeManifest(path, united);
    }
    return united;
  }
  if (found !== null) {
    if (!alone) throw new RunError(`Cannot start anew in ${path}: expected nobody at work there`);
    await setAside(path);
  }
  await writeManifest(path, wanted);
  return wanted;
}

/**
 * What two runs must have in common. When one extends the other: how samples are made and scored, and the models and data
 * that both name; otherwise all that was asked for.
 *
 * @param other  What of a run's models and data matters when it is extended: those that this one names too.
 */
function comparable({ rocketkv, grid, cells }: Manifest, other: Manifest, extend: boolean): Json {
  const models = new Set(other.cells.map(({ config }) => config.model));
  const tasks = new Set(other.cells.map(({ config }) => taskName(config.task)));
  const facts = {
    rocketkv,
    modelIds: Object.fromEntries(cells.map(({ config }) => [config.model, config.modelId])),
    dataIds: Object.fromEntries(cells.map(({ config }) => [taskName(config.task), config.dataId])),
  };
  if (!extend) {
    const files = Object.fromEntries(
      cells.flatMap(({ config: { method, methodFiles } }) =>
        Object.entries(methodFiles).map(([kind, hash]) => [`${method} ${kind}`, hash])
      ),
    );
    return { ...facts, methodFiles: files, grid, cells: cells.map(({ id }) => id).toSorted() };
  }
  const shared = (ids: Record<string, string>, names: Set<string>) =>
    Object.fromEntries(Object.entries(ids).filter(([name]) => names.has(name)));
  return {
    rocketkv,
    modelIds: shared(facts.modelIds, models),
    dataIds: shared(facts.dataIds, tasks),
    grid: { truncate: grid["truncate"]!, scorer: grid["scorer"]! },
  };
}

/** Which cells, models and data there are follows from the grid: where that differs, they say nothing more. */
function telling(changed: readonly string[]): readonly string[] {
  if (!changed.some((field) => field.startsWith("grid."))) return changed;
  return changed.filter((field) => !/^cells: |^\w+(Ids|Files)\..*(: wanted none, |, found none$)/.test(field));
}

function taskName({ name, options }: { name: string; options: Readonly<Record<string, Json>> }): string {
  return Object.keys(options).length === 0 ? name : `${name} ${canonicalJson(options)}`;
}

/** Fields that differ, as `grid.samples: wanted 10, found 5`. A field that only one side has is wanted or found as `none`. */
export function differences(wanted: Json, found: Json, path = ""): string[] {
  if (wanted !== undefined && found !== undefined && canonicalJson(wanted) === canonicalJson(found)) return [];
  const inner = (value: Json) => typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  const a = inner(wanted), b = inner(found);
  if (a !== null && b !== null) {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted();
    return names.flatMap((name) =>
      differences(
        (a as Record<string, Json>)[name]!,
        (b as Record<string, Json>)[name]!,
        path === "" ? name : `${path}.${name}`,
      )
    );
  }
  const show = (value: Json) => {
    if (value === undefined) return "none";
    const text = JSON.stringify(value);
    return text.length > 100 ? `${text.slice(0, 97)}...` : text;
  };
  return [`${path}: wanted ${show(wanted)}, found ${show(found)}`];
}

/** All cells of both, old ones first, and for each all samples of both. */
function unite(found: Manifest, wanted: Manifest): Manifest {
  const cells = new Map([...found.cells, ...wanted.cells].map((cell) => [cell.id, cell]));
  const samples = new Map<string, readonly string[]>();
  for (const { cells, samples: keys } of [...found.expected, ...wanted.expected]) {
    for (const cell of cells) samples.set(cell, [...new Set([...samples.get(cell) ?? [], ...keys])]);
  }
  const lists = Map.groupBy(samples.keys(), (cell) => canonicalJson([...samples.get(cell)!]));
  return {
    ...found,
    grid: wanted.grid,
    cells: [...cells.values()],
    expected: [...lists.values()].map((cells) => ({ cells, samples: samples.get(cells[0]!)! })),
  };
}

/** Move all that a run folder has, but its locks, into a folder inside of it: `old-1`. Nothing is deleted. */
async function setAside(path: string): Promise<void> {
  const names = await reading(path, async () => (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name));
  let number = 1;
  while (names.includes(`old-${number}`)) number++;
  const aside = `${path}/old-${number}`;
  await writing(aside, async () => {
    await Deno.mkdir(aside);
    for (const name of names.filter((name) => name !== "locks" && !/^old-\d+$/.test(name))) {
      await Deno.rename(`${path}/${name}`, `${aside}/${name}`);
    }
  });
}
