/**
 * Benchmarks' records in the cache folder: checked, as JSONL whatever they came as, with the hash of every file.
 *
 *     <cache folder>/data/<benchmark>/manifest.json
 *     <cache folder>/data/<benchmark>/<task>.jsonl
 */
import { UsageError } from "../error.ts";
import { readJsonObject } from "../model/json_file.ts";
import { refuse } from "../model/model_file.ts";
import { hashFile } from "../model/sha256.ts";
import { cacheFolder } from "../model/store.ts";
import { writeWhole, writing } from "../model/writing.ts";
import { openDataSet } from "./files/data_set.ts";
import type { Row } from "./files/row.ts";

/** A benchmark whose records can be imported. */
export interface Importable {
  readonly tasks: readonly string[];
  /** What a task is called in file names, the best one first. */
  fileNames(task: string): readonly string[];
  /** Where people get the files. */
  readonly whence: string;
  /** @throws {UsageError} for a record that cannot be used, naming file, place and field. */
  check(task: string, rows: readonly Row[]): void;
}

export interface ImportedFile {
  /** `hotpotqa.jsonl` */
  readonly name: string;
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 of what it was made from. */
  readonly source: string;
}

/** Benchmarks that can be imported, by name. */
export const importables: Readonly<Record<string, () => Promise<Importable>>> = {
  longbench: async () => (await import("./longbench/import.ts")).importable,
  "longbench-v2": async () => (await import("./longbench_v2/import.ts")).importable,
  scbench: async () => (await import("./scbench/import.ts")).importable,
};

/**
 * Copy all tasks that are in a folder into the cache folder, once all of their records are found to be good. Tasks that were
 * imported before and are not in it stay. Every file is replaced in one step, the manifest last: after an interruption in
 * between, `damagedData` names the files that are newer than it.
 *
 * @param path  A folder in any layout, or one task's file, named after it.
 * @throws {UsageError} for a record that cannot be used, or when no task is there; {RunError} for a full disk.
 */
export async function importData(
  benchmark: string,
  path: string,
  { signal, onTask = () => {} }: { signal: AbortSignal; onTask?: (task: string, records: number) => void },
): Promise<ImportedFile[]> {
  const importable = await importableOf(benchmark);
  const folder = dataFolder(benchmark);
  const found: string[] = [];
  for (const task of importable.tasks) {
    signal.throwIfAborted();
    const set = await openDataSet(path, importable.fileNames(task));
    if (set === null) continue;
    importable.check(task, set.rows);
    found.push(task);
  }
  const files: ImportedFile[] = [];
  for (const task of found) {
    signal.throwIfAborted();
    const { rows, id } = (await openDataSet(path, importable.fileNames(task)))!; // read anew: all of them are too much
    files.push(await writeRows(folder, `${task}.jsonl`, rows, id));
    onTask(task, rows.length);
  }
  if (files.length === 0) {
    throw new UsageError(
      `Cannot import ${benchmark} from ${path}: expected files such as ${importable.tasks[0]}.jsonl, found none; ` +
        `they are in ${importable.whence}`,
    );
  }
  const others = (await readImported(benchmark)).filter(({ name }) => !files.some((file) => file.name === name));
  const manifest = { version: 1, benchmark, files: [...others, ...files].toSorted((a, b) => a.name < b.name ? -1 : 1) };
  await writeWhole(`${folder}/manifest.json`, JSON.stringify(manifest, null, 2) + "\n");
  return files;
}

/** Files of a benchmark; none when nothing was imported. @throws {RunError} when the manifest is damaged. */
export async function readImported(benchmark: string): Promise<ImportedFile[]> {
  const path = `${dataFolder(benchmark)}/manifest.json`;
  const { files = [] } = await readJsonObject(path, {});
  if (!Array.isArray(files) || !files.every(isImportedFile)) {
    refuse(path, "must have files with name, records, bytes, sha256 and source: import the data again");
  }
  return files;
}

/** Names of files whose content is not what was imported; gone ones too. */
export async function damagedData(benchmark: string, signal: AbortSignal): Promise<string[]> {
  const damaged: string[] = [];
  for (const { name, sha256 } of await readImported(benchmark)) {
    const found = await hashFile(`${dataFolder(benchmark)}/${name}`, signal).then((hash) => hash.hex(), (error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    if (found !== sha256) damaged.push(name);
  }
  return damaged;
}

/** The folder of imported data. @param task  Of which it must have the file. @throws {UsageError} when it has not. */
export async function importedFolder(benchmark: string, task: string, whence: string): Promise<string> {
  const files = await readImported(benchmark);
  if (files.some(({ name }) => name === `${task}.jsonl`)) return dataFolder(benchmark);
  throw new UsageError(
    `Cannot find ${benchmark}/${task}: expected --data <folder> with ${task}.jsonl of ${whence}, ` +
      `or "rocketkv data import ${benchmark} <folder>" once, found ${
        files.length === 0 ? "neither" : "other tasks only"
      }`,
  );
}

export function dataFolder(benchmark: string): string {
  return `${cacheFolder()}/data/${benchmark}`;
}

/** @throws {UsageError} for a benchmark whose records cannot be imported. */
export async function importableOf(benchmark: string): Promise<Importable> {
  if (Object.hasOwn(importables, benchmark)) return await importables[benchmark]!();
  throw new UsageError(`Cannot import "${benchmark}": expected one of ${Object.keys(importables).join(", ")}`);
}

async function writeRows(folder: string, name: string, rows: readonly Row[], source: string): Promise<ImportedFile> {
  const path = `${folder}/${name}`;
  await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
  await writeWhole(path, rows.map((row) => JSON.stringify(row.values) + "\n"));
  const { size } = await Deno.stat(path);
  return { name, records: rows.length, bytes: size, sha256: (await hashFile(path)).hex(), source };
}

function isImportedFile(value: unknown): value is ImportedFile {
  const { name, records, bytes, sha256, source } = (value ?? {}) as Record<string, unknown>;
  return typeof name === "string" && [records, bytes].every(Number.isSafeInteger) && typeof sha256 === "string" &&
    typeof source === "string";
}
