import { RunError } from "../../lib/error.ts";

/**
 * Results as they come, one JSON line each, so that an interrupted run can go on. The first line says what was measured; only
 * a run of the same may add to it.
 */
export class Journal<T extends { readonly key: string }> {
  private constructor(readonly path: string, readonly records: T[]) {}

  /**
   * @param about   What all records depend on: JSON data.
   * @param resume  Keep the records of an earlier run of the same; otherwise the file starts anew.
   * @throws {RunError} for a journal of something else.
   */
  static open<T extends { readonly key: string }>(path: string, about: object, resume: boolean): Journal<T> {
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    const head = JSON.stringify(about);
    const [first, ...lines] = resume ? wholeLines(path) : [];
    if (first !== undefined && first !== head) {
      throw new RunError(`Cannot resume ${path}: it has results of ${first}, not of ${head}: run without --resume`);
    }
    Deno.writeTextFileSync(path, [head, ...lines].map((line) => `${line}\n`).join("")); // without a torn last line
    return new Journal(path, lines.map((line) => JSON.parse(line) as T));
  }

  find(key: string): T | undefined {
    return this.records.find((record) => record.key === key);
  }

  add(record: T): void {
    using file = Deno.openSync(this.path, { append: true });
    const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    file.syncSync();
    this.records.push(record);
  }
}

/** Lines that end; none of a file that is missing. */
function wholeLines(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").slice(0, -1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
