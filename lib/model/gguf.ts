/** Reads the header of a GGUF file (versions 2 and 3): metadata and the tensor table, never the tensors themselves. */
import { BLOCKS, dtypeBytes, GGUF_FOREIGN_TYPES, GGUF_TYPE_IDS } from "./dtype.ts";
import { FileCursor } from "./file_cursor.ts";
import { checkPlaces, type FileTensor, show, showShape } from "./model_file.ts";
import type { DType, GgufValue } from "./types.ts";

export interface GgufFile {
  readonly path: string;
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly FileTensor[];
}

const DTYPE_BY_ID: ReadonlyMap<number, DType> = new Map(
  Object.entries(GGUF_TYPE_IDS).map(([dtype, id]) => [id, dtype as DType]),
);

type Read = (cursor: FileCursor, what: string) => number | boolean | string;

/** Readers by value type, with the fewest bytes that one value takes. */
const SCALARS: ReadonlyMap<number, { readonly bytes: number; readonly read: Read }> = new Map<
  number,
  { bytes: number; read: Read }
>([
  [0, { bytes: 1, read: (c, what) => c.u8(what) }],
  [1, { bytes: 1, read: (c, what) => c.i8(what) }],
  [2, { bytes: 2, read: (c, what) => c.u16(what) }],
  [3, { bytes: 2, read: (c, what) => c.i16(what) }],
  [4, { bytes: 4, read: (c, what) => c.u32(what) }],
  [5, { bytes: 4, read: (c, what) => c.i32(what) }],
  [6, { bytes: 4, read: (c, what) => c.f32(what) }],
  [7, { bytes: 1, read: readBool }],
  [8, { bytes: 8, read: (c, what) => c.string(what) }],
  [10, { bytes: 8, read: (c, what) => c.u64(what) }],
  [11, { bytes: 8, read: (c, what) => c.i64(what) }],
  [12, { bytes: 8, read: (c, what) => c.f64(what) }],
]);
const ARRAY = 9;

/** Most elements of one array: the largest vocabularies have some 300,000 tokens. */
const MAX_ARRAY = 1 << 24;

/** Least bytes of a metadata entry (empty key, type, one byte) and of a tensor entry (empty name, one axis). */
const MIN_ENTRY_BYTES = 13, MIN_TENSOR_BYTES = 32;

/**
 * Read and check a header.
 *
 * @throws {RunError} one line that names the file and the field, for anything that is not a sound GGUF file:
 *   counts, lengths, shapes and offsets are checked before they are used.
 */
export function readGguf(path: string): GgufFile {
  using cursor: FileCursor = new FileCursor(path);
  const version = readVersion(cursor);
  const nTensors = readCount(cursor, "tensor count", MIN_TENSOR_BYTES);
  const nEntries = readCount(cursor, "metadata count", MIN_ENTRY_BYTES);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < nEntries; i++) {
    const key = cursor.string(`key of metadata entry ${i}`);
    if (metadata.has(key)) cursor.fail(`metadata keys must differ: ${show(key)} appears twice`);
    metadata.set(key, readValue(cursor, `metadata ${show(key)}`));
  }
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    cursor.fail(`metadata "general.alignment" must be a power of two: found ${show(alignment)}`);
  }
  const raw: FileTensor[] = [];
  const names = new Set<string>();
  for (let i = 0; i < nTensors; i++) {
    const tensor = readTensor(cursor, i, alignment);
    if (names.has(tensor.name)) cursor.fail(`tensor names must differ: ${show(tensor.name)} appears twice`);
    names.add(tensor.name);
    raw.push(tensor);
  }
  const start = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = raw.map((tensor) => ({ ...tensor, offset: start + tensor.offset }));
  for (const { name, offset, bytes } of tensors) {
    if (offset + bytes > cursor.size) {
      cursor.fail(
        `tensor ${show(name)} must end inside the file: it ends at byte ${
          offset + bytes
        }, file has ${cursor.size} bytes`,
      );
    }
  }
  checkPlaces(path, tensors, start, false);
  return { path, version, metadata, tensors };
}

function readVersion(cursor: FileCursor): number {
  const magic = [...cursor.bytes(4, "magic")];
  if (String.fromCharCode(...magic) !== "GGUF") {
    const found = magic.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    cursor.fail(`a GGUF file must start with the bytes 47 47 55 46 ("GGUF"): found ${found}`);
  }
  const version = cursor.u32("version");
  if (version !== 0 && (version & 0xffff) === 0) {
    cursor.fail("byte order must be little-endian: found a big-endian file");
  }
  if (version !== 2 && version !== 3) cursor.fail(`GGUF version must be 2 or 3: found ${version}`);
  return version;
}

function readCount(cursor: FileCursor, what: string, leastBytes: number): number {
  const count = cursor.u64(what);
  if (count * leastBytes > cursor.remaining) {
    cursor.fail(`${what} must fit the file: found ${count} with ${cursor.remaining} bytes left`);
  }
  return count;
}

function readBool(cursor: FileCursor, what: string): boolean {
  const byte = cursor.u8(what);
  if (byte > 1) cursor.fail(`${what}: a bool must be 0 or 1: found ${byte}`);
  return byte === 1;
}

function readValue(cursor: FileCursor, what: string): GgufValue {
  const type = cursor.u32(what);
  if (type === ARRAY) return readArray(cursor, what);
  const scalar = SCALARS.get(type);
  if (scalar === undefined) cursor.fail(`${what}: value type must be 0 to 12: found ${type}`);
  return scalar.read(cursor, what);
}

function readArray(cursor: FileCursor, what: string): GgufValue {
  const type = cursor.u32(what);
  if (type === ARRAY) cursor.fail(`${what}: elements of an array must be plain values: found an array of arrays`);
  const scalar = SCALARS.get(type);
  if (scalar === undefined) cursor.fail(`${what}: element type must be 0 to 12: found ${type}`);
  const count = readCount(cursor, `length of ${what}`, scalar.bytes);
  if (count > MAX_ARRAY) cursor.fail(`length of ${what} must be at most ${MAX_ARRAY}: found ${count}`);
  const values = new Array<number | boolean | string>(count);
  for (let i = 0; i < count; i++) values[i] = scalar.read(cursor, what);
  return values as number[] | boolean[] | string[];
}

/** One entry of the tensor table; `offset` still counts from the start of the tensor data. */
function readTensor(cursor: FileCursor, index: number, alignment: number): FileTensor {
  const name = cursor.string(`name of tensor ${index}`);
  const what = `tensor ${show(name)}`;
  const nAxes = cursor.u32(what);
  if (nAxes < 1 || nAxes > 4) cursor.fail(`${what} must have 1 to 4 axes: found ${nAxes}`);
  const shape = Array.from({ length: nAxes }, () => cursor.u64(what));
  const elements = shape.reduce((product, n) => product * n, 1);
  if (shape.includes(0)) cursor.fail(`${what} must have no empty axis: found shape ${showShape(shape)}`);
  if (!Number.isSafeInteger(elements * 4)) {
    cursor.fail(`${what} must have fewer than 2^51 elements: found shape ${showShape(shape)}`);
  }
  const id = cursor.u32(what);
  const dtype = DTYPE_BY_ID.get(id);
  if (dtype === undefined) {
    const supported = Object.keys(GGUF_TYPE_IDS).map((t) => t.toUpperCase()).join(", ");
    cursor.fail(`${what} must have one of the types ${supported}: found ${GGUF_FOREIGN_TYPES.get(id) ?? `type ${id}`}`);
  }
  const block = BLOCKS[dtype].elements;
  if (shape[0]! % block !== 0) {
    cursor.fail(`${what} must have rows of a multiple of ${block} elements for ${dtype}: found ${shape[0]}`);
  }
  const offset = cursor.u64(what);
  if (offset % alignment !== 0) cursor.fail(`${what} must start at a multiple of ${alignment}: found offset ${offset}`);
  return { name, dtype, shape: shape.reverse(), path: cursor.path, offset, bytes: dtypeBytes(dtype, elements) };
}
