/** Reads the headers of safetensors files, single or in shards; never the tensors themselves. */
import { dtypeBytes, SAFETENSORS_DTYPES } from "./dtype.ts";
import { FileCursor } from "./file_cursor.ts";
import { readJsonObject } from "./json_file.ts";
import { checkPlaces, type FileTensor, refuse, show, showShape } from "./model_file.ts";

/** Largest header accepted; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes per element of types that exist in the format but are not computed with. */
const FOREIGN_BYTES: ReadonlyMap<string, number> = new Map([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["U16", 2],
  ["I16", 2],
  ["U32", 4],
  ["I32", 4],
  ["U64", 8],
  ["I64", 8],
  ["F64", 8],
]);

/**
 * Read and check the header of one file.
 *
 * @throws {RunError} one line that names the file and the field: a header length beyond the file, text that is not
 *   JSON, a dtype, shape and byte range that do not agree, ranges that overlap, leave gaps or miss the file's end.
 */
export function readSafetensors(path: string): FileTensor[] {
  using cursor: FileCursor = new FileCursor(path);
  const length = cursor.u64("header length");
  if (length > Math.min(cursor.remaining, MAX_HEADER_BYTES)) {
    cursor.fail(`header must end inside the file: found length ${length}, file has ${cursor.size} bytes`);
  }
  const header = parseHeader(path, cursor.bytes(length, "header"));
  const start = 8 + length;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => readEntry(path, name, entry, start));
  const end = checkPlaces(path, tensors, start, true);
  if (end !== cursor.size) cursor.fail(`tensors must end where the file ends, at byte ${cursor.size}: found ${end}`);
  return tensors;
}

/**
 * Tensors of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 *
 * @throws {RunError} also when a shard is missing or does not hold a tensor that the index promises.
 */
export async function readCheckpoint(folder: string): Promise<FileTensor[]> {
  const single = `${folder}/model.safetensors`, index = `${folder}/model.safetensors.index.json`;
  if (!await exists(index)) return readSafetensors(single);
  const { weight_map: map } = await readJsonObject(index);
  if (!isObject(map)) refuse(index, `"weight_map" must be an object: found ${show(map)}`);
  const shards = new Map<string, Map<string, FileTensor>>();
  return Object.entries(map).map(([name, file]) => {
    // A file name from a download must not lead out of the model's folder.
    if (typeof file !== "string" || !/^[^/\\]+\.safetensors$/.test(file)) {
      refuse(index, `shard of tensor ${show(name)} must be the name of a .safetensors file: found ${show(file)}`);
    }
    let shard = shards.get(file);
    if (shard === undefined) {
      shard = new Map(readSafetensors(`${folder}/${file}`).map((tensor) => [tensor.name, tensor]));
      shards.set(file, shard);
    }
    return shard.get(name) ?? refuse(`${folder}/${file}`, `the index promises tensor ${show(name)}, the file lacks it`);
  });
}

function parseHeader(path: string, bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    refuse(path, `header must be JSON: ${(error as Error).message}`);
  }
  if (!isObject(header)) refuse(path, `header must be a JSON object: found ${show(header)}`);
  return header;
}

function readEntry(path: string, name: string, entry: unknown, start: number): FileTensor {
  const what = `tensor ${show(name)}`;
  if (!isObject(entry)) refuse(path, `${what} must be described by an object: found ${show(entry)}`);
  const { dtype: spelling, shape, data_offsets: range } = entry;
  if (!isCounts(shape)) refuse(path, `shape of ${what} must be a list of whole numbers: found ${show(shape)}`);
  if (!isCounts(range) || range.length !== 2 || range[0]! > range[1]!) {
    refuse(path, `data_offsets of ${what} must be [begin, end]: found ${show(range)}`);
  }
  const elements = shape.reduce((product, n) => product * n, 1);
  const dtype = SAFETENSORS_DTYPES.get(String(spelling));
  const foreign = FOREIGN_BYTES.get(String(spelling));
  if (dtype === undefined && foreign === undefined) {
    refuse(path, `dtype of ${what} must be F32, F16 or BF16: found ${show(spelling)}`);
  }
  const wanted = dtype === undefined ? elements * foreign! : dtypeBytes(dtype, elements);
  const bytes = range[1]! - range[0]!;
  if (bytes !== wanted) {
    refuse(path, `${what} must have ${wanted} bytes for ${spelling} ${showShape(shape)}: found ${bytes}`);
  }
  return { name, dtype: dtype ?? String(spelling), shape, path, offset: start + range[0]!, bytes };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
