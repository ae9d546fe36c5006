/** Files of a run folder: lines that are only ever appended, and files that are there whole or not at all. */
import { RunError } from "../../error.ts";
import { writing } from "../../model/writing.ts";

export { writeWhole } from "../../model/writing.ts";

const NEWLINE = 10;

/** Lines of an append-only file that were written to their end. */
export interface Lines {
  readonly texts: readonly string[];
  /** Where the last of them ends; what follows is a torn line of a process that was killed. */
  readonly bytes: number;
}

/** A missing file has no lines. @throws {RunError} when it cannot be read. */
export async function readLines(path: string): Promise<Lines> {
  const bytes = await reading(path, () => Deno.readFile(path), new Uint8Array());
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  const text = new TextDecoder().decode(bytes.subarray(0, end));
  return { texts: text.split("\n").slice(0, -1), bytes: end };
}

/** @param line  Counted from 1. @throws {RunError} for a line that is not JSON: someone edited it, or the disk lost it. */
export function parseLine<T>(path: string, line: number, text: string): T {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RunError(`Cannot read ${path}, line ${line}: expected JSON: ${(error as Error).message}`);
  }
}

/** Cut away a torn last line. @throws {RunError} when the file cannot be written. */
export async function repairLines(path: string): Promise<void> {
  const { bytes } = await readLines(path);
  const size = await reading(path, async () => (await Deno.stat(path)).size, 0);
  if (size > bytes) await writing(path, () => Deno.truncate(path, bytes));
}

/**
 * Append whole lines and wait until they are on the disk. What a full disk took of them is cut away again.
 *
 * @throws {RunError} when the system refuses.
 */
export async function appendLines(path: string, texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const bytes = new TextEncoder().encode(texts.map((text) => `${text}\n`).join(""));
  await writing(path, async () => {
    using file = await Deno.open(path, { append: true, create: true });
    const { size } = await file.stat();
    try {
      for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
      await file.sync();
    } catch (error) {
      await file.truncate(size).catch(() => {}); // the next start repairs it as well
      throw error;
    }
  });
}

/** @param missing  What stands for a file that is not there. @throws {RunError} when the system refuses to read. */
export async function reading<T>(path: string, body: () => Promise<T>, missing?: T): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && missing !== undefined) return missing;
    throw new RunError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}
