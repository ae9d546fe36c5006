/** All shards' lines of every cell in one file each: the same bytes, however the work was dealt out. */
import { writeWhole } from "./files.ts";
import { cellFolder, expectedSamples } from "./folder.ts";
import type { Manifest } from "./manifest.ts";
import { type Entry, finishedSamples, readEntries, sortEntries } from "./results.ts";

export interface Merged {
  readonly cells: number;
  readonly predictions: number;
  /** Samples, of all cells, that have no answer yet or only an error. */
  readonly missing: number;
}

/**
 * Write `predictions.jsonl` and `timings.jsonl` of every cell. What shards wrote stays: merging again gives the same.
 *
 * @throws {RunError} for two predictions of one sample that differ, and when the folder cannot be written. Files that were
 *   merged before that are whole.
 */
export async function mergeRun(path: string, manifest: Manifest): Promise<Merged> {
  const found = { predictions: 0, missing: 0 };
  for (const { id } of manifest.cells) {
    const folder = cellFolder(path, id), expected = expectedSamples(manifest, id);
    const entries = await readEntries(folder);
    await writeWhole(`${folder}/predictions.jsonl`, textOf(sortEntries(entries.predictions.values(), expected)));
    await writeWhole(`${folder}/timings.jsonl`, textOf(sortEntries(entries.timings.values(), expected)));
    const finished = finishedSamples(entries);
    found.predictions += entries.predictions.size;
    found.missing += expected.filter((sample) => !finished.has(sample)).length;
  }
  return { cells: manifest.cells.length, ...found };
}

function textOf(entries: readonly Entry<unknown>[]): string {
  return entries.map(({ text }) => `${text}\n`).join("");
}
