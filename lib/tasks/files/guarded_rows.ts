/** What the system says about a data file (missing, not readable, a broken disk) as one line. */
import { refuseData, type Row } from "./row.ts";

/** Rows of a file as they come. @throws {UsageError} where the system refuses; everything else passes as it is. */
export async function* guardedRows(path: string, rows: AsyncIterable<Row>): AsyncGenerator<Row> {
  try {
    yield* rows;
  } catch (error) {
    refuseBySystem(path, error);
  }
}

/** @throws {UsageError} for a refusal of the system, which Deno's messages end with the number of; else the error itself. */
export function refuseBySystem(path: string, error: unknown): never {
  const refusal = error instanceof Error ? /^(.*) \(os error \d+\)/s.exec(error.message) : null;
  if (refusal === null) throw error;
  refuseData(path, null, refusal[1]!);
}
