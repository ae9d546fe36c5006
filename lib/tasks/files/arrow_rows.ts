/** Arrow: the files of a folder that the Python package `datasets` wrote with `save_to_disk`, or one such file. */
import { guardedRows } from "./guarded_rows.ts";
import { plainValue } from "./plain_value.ts";
import { refuseData, Row } from "./row.ts";

/**
 * Records of a folder: `state.json` says which files belong to it. A folder of splits (`dataset_dict.json`) has more folders:
 * `test` is taken, else the only one.
 *
 * @throws {UsageError} for a folder without them, or damaged files.
 */
export async function* arrowFolderRows(folder: string): AsyncGenerator<Row> {
  const splits = await readJson(`${folder}/dataset_dict.json`);
  if (splits !== null) {
    const names = splits.texts("splits");
    const name = names.includes("test") ? "test" : names.length === 1 ? names[0] : undefined;
    if (name === undefined) splits.fail("splits", 'a list with "test", or with one name');
    yield* arrowFolderRows(`${folder}/${name}`);
    return;
  }
  const state = await readJson(`${folder}/state.json`);
  if (state === null) refuseData(folder, null, "must be a folder of save_to_disk: state.json is missing");
  for (const file of state.rows("_data_files")) {
    const path = `${folder}/${file.text("filename")}`;
    yield* guardedRows(path, arrowRows(path));
  }
}

/** Records of one Arrow file, in the stream format or the file format. */
export async function* arrowRows(path: string): AsyncGenerator<Row> {
  const { tableFromIPC } = await import("@uwdata/flechette");
  const bytes = await Deno.readFile(path);
  // The package reads what there is of a file that was cut off.
  if (!ENDS.some((end) => end.every((byte, i) => bytes[bytes.length - end.length + i] === byte))) {
    refuseData(path, null, "must be a whole Arrow file: its end is missing");
  }
  let rows: unknown[];
  try {
    rows = tableFromIPC(bytes).toArray();
  } catch (error) {
    refuseData(path, null, `must be a whole Arrow file: ${(error as Error).message}`);
  }
  for (const [i, row] of rows.entries()) yield new Row(path, `row ${i + 1}`, plainValue(row));
}

/** Last bytes of the stream format, a message of no length, and of the file format. */
const ENDS = [[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], [...new TextEncoder().encode("ARROW1")]];

async function readJson(path: string): Promise<Row | null> {
  try {
    return new Row(path, "its outermost value", JSON.parse(await Deno.readTextFile(path)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    if (error instanceof SyntaxError) refuseData(path, null, `must be JSON: ${error.message}`);
    throw error;
  }
}
