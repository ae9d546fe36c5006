/** The files of one task in a folder of the user's, wherever its layout has them, and what identifies their content. */
import { UsageError } from "../../error.ts";
import { hashFile, sha256 } from "../../model/sha256.ts";
import { Dice } from "../dice.ts";
import type { Sample } from "../sample.ts";
import type { SampleGroup } from "../task.ts";
import { refuseBySystem } from "./guarded_rows.ts";
import type { Row } from "./row.ts";
import { allRows, FILE_KINDS } from "./rows.ts";

export interface DataSet {
  /** What was read, in order. */
  readonly paths: readonly string[];
  /** SHA-256 of the files' content, in hexadecimal digits. */
  readonly id: string;
  readonly rows: readonly Row[];
}

/**
 * Read a task's records, in the file's order.
 *
 * @param data   A folder, or the file itself, named after the task.
 * @param names  What the task is called in file names, the best one first. Looked for: `<name>.<kind>`, the same in `data/`,
 *               a folder `<name>` of `save_to_disk`, and parquet or JSONL files in a folder `<name>`, all of them in order.
 * @returns Null when there is none.
 * @throws {UsageError} when it cannot be read.
 */
export async function openDataSet(data: string, names: readonly string[]): Promise<DataSet | null> {
  const paths = await locate(data, names);
  return paths.length === 0 ? null : await readDataSet(paths);
}

/**
 * The same where the task must be there.
 *
 * @param whence  Where people get the file.
 */
export async function needDataSet(data: string, names: readonly string[], whence: string): Promise<DataSet> {
  const set = await openDataSet(data, names);
  if (set !== null) return set;
  const [name] = names;
  throw new UsageError(
    `Cannot find ${name} in ${data}: expected ${name}.jsonl, ${name}.parquet, or a folder ${name} of parquet files or of ` +
      `save_to_disk; it is in ${whence}`,
  );
}

/** All records of some files, one behind the other. @throws {UsageError} for a file that is missing or cannot be read. */
export async function readDataSet(paths: readonly string[]): Promise<DataSet> {
  const rows: Row[] = [];
  for (const path of paths) rows.push(...await allRows(path));
  const hash = sha256();
  for (const path of paths) {
    for (const file of await filesOf(path)) await hashFile(file, undefined, hash);
  }
  return { paths, id: hash.hex(), rows };
}

/** Indices of `count` of the records, in an order that the seed decides: more of them begin with the same ones. */
export function pickRows(total: number, count: number, seed: number): number[] {
  const indices = Array.from({ length: total }, (_, i) => i);
  return new Dice(seed, "records of a file").sample(indices, Math.min(count, total));
}

/** Groups of one sample each, made of a file's records in their order: those that `pickRows` takes. */
export function recordGroups(samples: readonly Sample[], count: number, seed: number): SampleGroup[] {
  return pickRows(samples.length, count, seed).map((index) => ({
    id: `${index}`,
    keys: [`${index}`],
    make: () => Promise.resolve([samples[index]!]),
  }));
}

async function locate(data: string, names: readonly string[]): Promise<string[]> {
  const info = await statOf(data);
  if (info === null) throw new UsageError(`Cannot find ${data}: No such file or directory`);
  if (info.isFile) return names.some((name) => stem(data) === name) ? [data] : [];
  for (const name of names) {
    for (const folder of [data, `${data}/data`]) {
      for (const kind of FILE_KINDS) {
        if ((await statOf(`${folder}/${name}.${kind}`))?.isFile) return [`${folder}/${name}.${kind}`];
      }
      const found = await inFolder(`${folder}/${name}`);
      if (found.length > 0) return found;
    }
  }
  return [];
}

/** Name of a file without its folder and its kind. */
function stem(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
}

/** Files of a folder that hold records: the folder itself when `save_to_disk` wrote it. */
async function inFolder(folder: string): Promise<string[]> {
  if (!(await statOf(folder))?.isDirectory) return [];
  const names = await namesIn(folder);
  if (names.includes("state.json") || names.includes("dataset_dict.json")) return [folder];
  for (const kind of ["parquet", "jsonl"]) {
    const files = names.filter((name) => name.endsWith(`.${kind}`));
    const test = files.filter((name) => name.startsWith("test")); // of several splits
    if (files.length > 0) return (test.length > 0 ? test : files).map((name) => `${folder}/${name}`);
  }
  return [];
}

/** A file, or all files below a folder by name. */
async function filesOf(path: string): Promise<string[]> {
  if ((await statOf(path))?.isFile) return [path];
  const names = await namesIn(path);
  return (await Promise.all(names.map((name) => filesOf(`${path}/${name}`)))).flat();
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => refuseBySystem(folder, error));
  return entries.map(({ name }) => name).sort();
}

async function statOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    refuseBySystem(path, error);
  }
}
