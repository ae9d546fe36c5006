/** Where RULER's own programs, and those that build on it, put the files of a task. */
import { UsageError } from "../../error.ts";
import { hashFile, sha256 } from "../../model/sha256.ts";

/**
 * The file of a task; null when there is none.
 *
 * @param length  Null where the folder is of one length.
 */
export async function officialFile(data: string, task: string, length: number | null): Promise<string | null> {
  if ((await kindOf(data)) === "file") return data;
  for (const folder of foldersOf(data, length)) {
    for (const path of [`${folder}/${task}/validation.jsonl`, ...ENDINGS.map((end) => `${folder}/${task}.${end}`)]) {
      if ((await kindOf(path)) === "file") return path;
    }
    const table = (await namesIn(folder)).find((name) => /\.(parquet|csv)$/.test(name));
    if (table !== undefined) return `${folder}/${table}`;
  }
  return null;
}

/** @throws {UsageError} always: it says where the file of a task was looked for. */
export function refuseMissing(data: string, task: string, length: number | null): never {
  const [folder] = foldersOf(data, length);
  throw new UsageError(
    `Cannot find the data of ruler/${task}: expected ${folder}/${task}/validation.jsonl of RULER, or a parquet or CSV file ` +
      `of kvpress in ${folder}: generate them with RULER's prepare.py, or leave out --data for native samples`,
  );
}

const ENDINGS = ["jsonl", "parquet", "csv"];

/** Lengths that a folder has folders for, ascending; empty where it is of one length. */
export async function officialLengths(data: string): Promise<number[]> {
  if ((await kindOf(data)) !== "folder") return [];
  const names = [...await namesIn(data), ...await namesIn(`${data}/synthetic`)];
  return [...new Set(names.filter((name) => /^\d+$/.test(name)).map(Number))].sort((a, b) => a - b);
}

/** SHA-256 of files, as one. */
export async function hashOf(paths: readonly string[]): Promise<string> {
  const hash = sha256();
  for (const path of paths) await hashFile(path, undefined, hash);
  return hash.hex();
}

function foldersOf(data: string, length: number | null): string[] {
  if (length === null) return [data];
  return [`${data}/${length}`, `${data}/${length}/data`, `${data}/synthetic/${length}/data`];
}

async function namesIn(folder: string): Promise<string[]> {
  if ((await kindOf(folder)) !== "folder") return [];
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).toSorted();
}

async function kindOf(path: string): Promise<"file" | "folder" | null> {
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  });
  return info === null ? null : info.isDirectory ? "folder" : "file";
}
