/** Records of a data file of any kind that this tool reads. Nothing is downloaded and no loader script is run. */
import { arrowFolderRows, arrowRows } from "./arrow_rows.ts";
import { csvRows } from "./csv_rows.ts";
import { guardedRows, refuseBySystem } from "./guarded_rows.ts";
import { jsonlRows, jsonRows } from "./json_rows.ts";
import { parquetRows } from "./parquet_rows.ts";
import { refuseData, type Row } from "./row.ts";

const READERS: Readonly<Record<string, (path: string) => AsyncGenerator<Row>>> = {
  jsonl: jsonlRows,
  json: jsonRows,
  csv: csvRows,
  parquet: parquetRows,
  arrow: arrowRows,
};

/** Ends of the names of files that `rowsOf` reads. */
export const FILE_KINDS: readonly string[] = Object.keys(READERS);

/**
 * Records in the file's order.
 *
 * @param path  A `.jsonl`, `.json`, `.csv`, `.parquet` or `.arrow` file, or a folder of `save_to_disk`.
 * @throws {UsageError} for a file that is missing, of another kind or damaged, naming line or row.
 */
export async function* rowsOf(path: string): AsyncGenerator<Row> {
  const info = await Deno.stat(path).catch((error) => refuseBySystem(path, error));
  if (info.isDirectory) return yield* arrowFolderRows(path);
  const kind = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const reader = READERS[kind];
  if (reader === undefined) {
    refuseData(path, null, `its name must end in one of ${FILE_KINDS.map((one) => `.${one}`).join(", ")}`);
  }
  yield* guardedRows(path, reader(path));
}

/** All of them. */
export async function allRows(path: string): Promise<Row[]> {
  const rows = await Array.fromAsync(rowsOf(path));
  if (rows.length === 0) refuseData(path, null, "must have at least one record: found none");
  return rows;
}
