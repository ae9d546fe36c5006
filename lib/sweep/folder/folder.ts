/** Run folders: making one, and reading all of it. `manifest.ts` has the layout. */
import { RunError } from "../../error.ts";
import { canonicalJson, type Cell } from "../grid/cell.ts";
import { parseLine, reading, readLines, writeWhole } from "./files.ts";
import type { CellResults, Manifest, Run } from "./manifest.ts";
import { readEntries, sortEntries } from "./results.ts";
import type { Json } from "../../tasks/sample.ts";
import { writing } from "../../model/writing.ts";

export function cellFolder(path: string, id: string): string {
  return `${path}/cells/${id}`;
}

/**
 * A run with everything that has been written so far, finished or not.
 *
 * @throws {RunError} for a folder that is no run, is damaged, or holds contradictions.
 */
export async function readRun(path: string): Promise<Run> {
  const manifest = await manifestOf(path);
  const cells: CellResults[] = [];
  for (const cell of manifest.cells) cells.push(await readCell(path, manifest, cell));
  return { path, manifest, cells };
}

async function readCell(path: string, manifest: Manifest, cell: Cell): Promise<CellResults> {
  const { predictions, timings } = await readEntries(cellFolder(path, cell.id));
  const expected = expectedSamples(manifest, cell.id);
  return {
    ...cell,
    predictions: sortEntries(predictions.values(), expected).map(({ value }) => value),
    timings: sortEntries(timings.values(), expected).map(({ value }) => value),
    expected,
  };
}

/** Keys of the samples that a cell shall have, in order. */
export function expectedSamples({ expected }: Manifest, cell: string): readonly string[] {
  return expected.find(({ cells }) => cells.includes(cell))?.samples ?? [];
}

/** @throws {RunError} where there is no run. */
export async function manifestOf(path: string): Promise<Manifest> {
  const manifest = await readManifest(path);
  if (manifest !== null) return manifest;
  throw new RunError(`Cannot read the run ${path}: expected a run folder with manifest.json, found none there`);
}

/** Null where there is no run yet. @throws {RunError} for a manifest that this program did not write. */
export async function readManifest(path: string): Promise<Manifest | null> {
  const file = `${path}/manifest.json`;
  const text = await reading<string | null>(file, () => Deno.readTextFile(file), null);
  if (text === null) return null;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new RunError(`Cannot read ${file}: expected JSON: ${(error as Error).message}`);
  }
  const { version, cells, expected, grid } = manifest ?? {};
  if (version !== 1 || !Array.isArray(cells) || !Array.isArray(expected) || typeof grid !== "object") {
    throw new RunError(`Cannot read ${file}: expected version 1 of a run's manifest, found another file`);
  }
  return manifest;
}

/** Write what a run is about: first the cells, then, in one step, the manifest. @throws {RunError} when it cannot. */
export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  for (const { id, config } of manifest.cells) {
    const folder = cellFolder(path, id);
    await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
    await writeWhole(`${folder}/config.json`, canonicalJson(config as unknown as Json) + "\n");
  }
  await writeWhole(`${path}/manifest.json`, JSON.stringify(manifest, null, 1) + "\n");
}

/** Something that kept samples from being answered; one line of `failures.<i>-of-<n>.jsonl`. */
export interface Failure {
  /** Cells whose samples are missing for it. */
  readonly cells: readonly string[];
  readonly samples: readonly string[];
  readonly error: string;
  readonly at: string;
}

/** In the order of shards and time, including those that a later run has made good. */
export async function readFailures(path: string): Promise<Failure[]> {
  const names = await reading(path, async () => (await Array.fromAsync(Deno.readDir(path))).map((f) => f.name));
  const failures: Failure[] = [];
  for (const name of names.filter((name) => /^failures\.\d+-of-\d+\.jsonl$/.test(name)).toSorted()) {
    const { texts } = await readLines(`${path}/${name}`);
    texts.forEach((text, i) => failures.push(parseLine(`${path}/${name}`, i + 1, text)));
  }
  return failures;
}
