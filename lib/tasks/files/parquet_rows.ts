/** Parquet, as data sets are published: a row group at a time, so that a large file is never in memory as a whole. */
import { asBytes } from "./bytes.ts";
import { plainValue } from "./plain_value.ts";
import { refuseData, Row } from "./row.ts";

/**
 * Records of a parquet file.
 *
 * @param columns  Those to read; the others cost nothing. @default all
 * @throws {UsageError} for a file that is no parquet file, or is cut off or damaged.
 */
export async function* parquetRows(path: string, columns?: readonly string[]): AsyncGenerator<Row> {
  const { parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  using open = await Deno.open(path);
  const file = { byteLength: (await open.stat()).size, slice: (from: number, to?: number) => asBytes(open, from, to) };
  const reading = async <T>(body: () => Promise<T>): Promise<T> => {
    try {
      return await body();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      refuseData(path, null, `must be a whole parquet file: ${(error as Error).message}`);
    }
  };
  const metadata = await reading(() => parquetMetadataAsync(file));
  const present = metadata.schema.map(({ name }) => name);
  const wanted = columns?.filter((name) => present.includes(name));
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const options = { file, metadata, compressors, rowStart, rowEnd, ...(wanted && { columns: wanted }) };
    const rows = await reading(() => parquetReadObjects(options));
    for (const [i, row] of rows.entries()) yield new Row(path, `row ${rowStart + i + 1}`, plainValue(row));
    rowStart = rowEnd;
  }
}
