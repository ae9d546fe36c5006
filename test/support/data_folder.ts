/** Folders with data files, removed at the end. */
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { parquetWriteBuffer } from "hyparquet-writer";

export interface DataFolder extends AsyncDisposable {
  readonly path: string;
  /** A text, or an object or list as JSON. */
  write(name: string, content: unknown): Promise<void>;
  /** Records as JSON, one a line. */
  jsonl(name: string, records: readonly unknown[]): Promise<void>;
  /** Records as parquet; lists and objects keep their form. */
  parquet(name: string, records: readonly Record<string, unknown>[]): Promise<void>;
  /** Records as a folder of `save_to_disk`. */
  arrow(name: string, records: readonly Record<string, unknown>[]): Promise<void>;
}

export async function dataFolder(): Promise<DataFolder> {
  const path = await Deno.makeTempDir({ prefix: "rocketkv-data-" });
  const place = async (name: string) => {
    const full = `${path}/${name}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    return full;
  };
  const write = async (name: string, content: unknown) =>
    await Deno.writeTextFile(await place(name), typeof content === "string" ? content : JSON.stringify(content));
  return {
    path,
    write,
    jsonl: (name, records) => write(name, records.map((record) => JSON.stringify(record) + "\n").join("")),
    async parquet(name, records) {
      const columnData = Object.entries(columnsOf(records)).map(([name, data]) => ({ name, data, ...typeOf(data) }));
      await Deno.writeFile(await place(name), new Uint8Array(parquetWriteBuffer({ columnData, codec: "SNAPPY" })));
    },
    async arrow(name, records) {
      const file = "data-00000-of-00001.arrow";
      const bytes = tableToIPC(tableFromArrays(columnsOf(records)), { format: "stream" })!;
      await Deno.writeFile(await place(`${name}/${file}`), bytes);
      await write(`${name}/state.json`, { _data_files: [{ filename: file }] });
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function columnsOf(records: readonly Record<string, unknown>[]): Record<string, unknown[]> {
  const names = Object.keys(records[0]!);
  return Object.fromEntries(names.map((name) => [name, records.map((record) => record[name])]));
}

/** The writer guesses the types of plain columns. */
function typeOf(data: readonly unknown[]): { type?: "JSON" } {
  return data.some((value) => typeof value === "object" && value !== null) ? { type: "JSON" } : {};
}
