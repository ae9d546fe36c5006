import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import { BLOCKS, dtypeBytes } from "../../lib/model/dtype.ts";
import { type GgufFile, readGguf } from "../../lib/model/gguf.ts";
import { type DType, DTYPES } from "../../lib/model/types.ts";
import { random as seeded } from "../reference/random.ts";
import { bool, f32, ggufBytes, type GgufTyped, i32, str, u32, writeGguf } from "../support/gguf_writer.ts";
import { bytesAfter, damage, refusal, withBytes, withFolder } from "../support/model_files.ts";

const METADATA: Record<string, GgufTyped> = {
  "a.u8": { type: "u8", value: 200 },
  "a.i8": { type: "i8", value: -100 },
  "a.u16": { type: "u16", value: 65535 },
  "a.i16": { type: "i16", value: -3 },
  "a.u32": u32(4294967295),
  "a.i32": i32(-2147483648),
  "a.f32": f32(0.5),
  "a.yes": bool(true),
  "a.no": bool(false),
  "a.text": str("héllo 世界"),
  "a.empty": str(""),
  "a.u64": { type: "u64", value: 2n ** 53n - 1n },
  "a.i64": { type: "i64", value: -(2n ** 40n) },
  "a.f64": { type: "f64", value: Math.PI },
  "a.numbers": i32([1, -2, 3]),
  "a.words": str(["one", "", "three"]),
  "a.flags": bool([true, false]),
  "a.nothing": str([]),
};

const tensor = (name: string, dtype: DType, shape: number[]) => ({
  name,
  dtype,
  shape,
  data: new Uint8Array(dtypeBytes(dtype, shape.reduce((a, b) => a * b))).fill(7),
});
const SMALL = [tensor("first", "f32", [3, 2]), tensor("second", "q4_0", [64, 2]), tensor("third", "f16", [5])];

function read(bytes: Uint8Array): GgufFile {
  return withBytes(bytes, ".gguf", readGguf);
}

/** A sound small file with one change. */
function changed(name: string, offset: number, write: (view: DataView, at: number) => void): Uint8Array {
  const bytes = ggufBytes({ "general.name": str("x") }, SMALL);
  write(new DataView(bytes.buffer), bytesAfter(bytes, name) + offset);
  return bytes;
}

Deno.test("readGguf() returns every metadata type as it was written", () => {
  for (const version of [2, 3]) {
    const { metadata, version: found } = read(ggufBytes(METADATA, [], { version }));
    assert.equal(found, version);
    assert.deepEqual([...metadata.keys()], Object.keys(METADATA));
    for (const [key, { value }] of Object.entries(METADATA)) {
      assert.deepEqual(metadata.get(key), typeof value === "bigint" ? Number(value) : value, key);
    }
  }
});

Deno.test("readGguf() places tensors of every type, outermost axis first, at any alignment", () => {
  for (const alignment of [undefined, 1, 8, 64, 4096]) {
    const tensors = DTYPES.map((dtype) => tensor(`t.${dtype}`, dtype, [BLOCKS[dtype].elements * 3, 2]));
    const bytes = ggufBytes({}, tensors, alignment === undefined ? {} : { alignment });
    const file = read(bytes);
    assert.deepEqual(file.tensors.map((t) => [t.name, t.dtype]), tensors.map((t) => [t.name, t.dtype]));
    for (const [i, { shape, offset, bytes: size, dtype }] of file.tensors.entries()) {
      assert.deepEqual(shape, [2, BLOCKS[dtype as DType].elements * 3]);
      assert.equal(offset % (alignment ?? 32), 0);
      assert.deepEqual(bytes.subarray(offset, offset + size), tensors[i]!.data);
    }
  }
});

Deno.test("readGguf() reads headers that are longer than one read of the file", () => {
  const words = Array.from({ length: 60_000 }, (_, i) => `word number ${i} and some more text`);
  const file = read(ggufBytes({ "long.list": str(words), "long.text": str("x".repeat(3_000_000)) }, SMALL));
  assert.deepEqual(file.metadata.get("long.list"), words);
  assert.equal((file.metadata.get("long.text") as string).length, 3_000_000);
  assert.equal(file.tensors.length, 3);
});

const hostile: [string, Uint8Array, string][] = [
  ["an empty file", new Uint8Array(0), "magic must lie inside the file: 4 bytes at 0, file has 0 bytes"],
  [
    "another magic",
    changed("", 0, (v) => v.setUint8(3, 0x4d)),
    'a GGUF file must start with the bytes 47 47 55 46 ("GGUF"): found 47 47 55 4d',
  ],
  ["big-endian", changed("GGUF", 0, (v, at) => v.setUint32(at, 3)), "must be little-endian: found a big-endian file"],
  ["version 1", changed("GGUF", 0, (v, at) => v.setUint32(at, 1, true)), "GGUF version must be 2 or 3: found 1"],
  ["version 0", changed("GGUF", 0, (v, at) => v.setUint32(at, 0, true)), "GGUF version must be 2 or 3: found 0"],
  [
    "a tensor count beyond the file",
    changed("GGUF", 4, (v, at) => v.setBigUint64(at, 1n << 40n, true)),
    "tensor count must fit the file: found 1099511627776 with",
  ],
  [
    "a metadata count beyond the file",
    changed("GGUF", 12, (v, at) => v.setBigUint64(at, 1_000_000n, true)),
    "metadata count must fit the file: found 1000000 with",
  ],
  [
    "a count that is no safe integer",
    changed("GGUF", 4, (v, at) => v.setBigUint64(at, (1n << 64n) - 1n, true)),
    "tensor count: a number must be below 2^53",
  ],
  [
    "a string longer than the file",
    changed("general.name", 4, (v, at) => v.setBigUint64(at, 100_000n, true)),
    'metadata "general.name" must lie inside the file: 100000 bytes at',
  ],
  [
    "a string of absurd length",
    changed("general.name", 4, (v, at) => v.setBigUint64(at, 1n << 33n, true)),
    "a string must have at most 67108864 bytes: found length 8589934592",
  ],
  [
    "an unknown value type",
    changed("general.name", 0, (v, at) => v.setUint32(at, 13, true)),
    'metadata "general.name": value type must be 0 to 12: found 13',
  ],
  [
    "no axes",
    changed("second", 0, (v, at) => v.setUint32(at, 0, true)),
    'tensor "second" must have 1 to 4 axes: found 0',
  ],
  [
    "five axes",
    changed("second", 0, (v, at) => v.setUint32(at, 5, true)),
    'tensor "second" must have 1 to 4 axes: found 5',
  ],
  [
    "an empty axis",
    changed("second", 12, (v, at) => v.setBigUint64(at, 0n, true)),
    'tensor "second" must have no empty axis: found shape [64, 0]',
  ],
  [
    "axes whose product overflows",
    changed("second", 12, (v, at) => v.setBigUint64(at, 1n << 50n, true)),
    'tensor "second" must have fewer than 2^51 elements: found shape [64, 1125899906842624]',
  ],
  [
    "rows that are no whole number of blocks",
    changed("second", 4, (v, at) => v.setBigUint64(at, 48n, true)),
    'tensor "second" must have rows of a multiple of 32 elements for q4_0: found 48',
  ],
  [
    "a type that is not supported",
    changed("second", 20, (v, at) => v.setUint32(at, 23, true)),
    'tensor "second" must have one of the types F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, BF16: found IQ4_XS',
  ],
  [
    "a type that does not exist",
    changed("second", 20, (v, at) => v.setUint32(at, 99, true)),
    "found type 99",
  ],
  [
    "a misaligned offset",
    changed("second", 24, (v, at) => v.setBigUint64(at, 40n, true)),
    'tensor "second" must start at a multiple of 32: found offset 40',
  ],
  [
    "an offset past the end",
    changed("third", 16, (v, at) => v.setBigUint64(at, 3200n, true)),
    'tensor "third" must end inside the file: it ends at byte',
  ],
  [
    "overlapping tensors",
    changed("second", 24, (v, at) => v.setBigUint64(at, 0n, true)),
    'tensors must not overlap: tensor "second" starts at byte',
  ],
  [
    "a tensor that is longer than the file",
    changed("first", 12, (v, at) => v.setBigUint64(at, 1_000_000n, true)),
    'tensor "first" must end inside the file',
  ],
  [
    "two tensors of one name",
    ggufBytes({}, [SMALL[0]!, SMALL[0]!]),
    'tensor names must differ: "first" appears twice',
  ],
  [
    "an alignment that is no power of two",
    ggufBytes({ "general.alignment": u32(48) }, SMALL),
    'metadata "general.alignment" must be a power of two: found 48',
  ],
  [
    "an alignment that is a text",
    ggufBytes({ "general.alignment": str("32") }, SMALL),
    'metadata "general.alignment" must be a power of two: found "32"',
  ],
];

for (const [what, bytes, message] of hostile) {
  Deno.test(`readGguf() refuses ${what}`, () => refusal(() => read(bytes), message));
}

Deno.test("readGguf() refuses nested and impossible arrays, wrong bools and repeated keys", () => {
  const array = ggufBytes({ list: i32([1, 2]), flag: bool(true), flog: bool(true) }, []);
  const at = bytesAfter(array, "list");
  const nested = damage(array, (v) => v.setUint32(at + 4, 9, true));
  refusal(() => read(nested), 'metadata "list": elements of an array must be plain values: found an array of arrays');
  const unknown = damage(array, (v) => v.setUint32(at + 4, 77, true));
  refusal(() => read(unknown), 'metadata "list": element type must be 0 to 12: found 77');
  const long = damage(array, (v) => v.setBigUint64(at + 8, 1n << 30n, true));
  refusal(() => read(long), 'length of metadata "list" must fit the file: found 1073741824 with');
  const wrong = damage(array, (v) => v.setUint8(bytesAfter(array, "flag") + 4, 2));
  refusal(() => read(wrong), 'metadata "flag": a bool must be 0 or 1: found 2');
  const repeated = damage(array, (v) => v.setUint8(bytesAfter(array, "flog") - 2, "a".charCodeAt(0)));
  refusal(() => read(repeated), 'metadata keys must differ: "flag" appears twice');
});

Deno.test("readGguf() names the file, in one line, also when there is none", () => {
  withFolder((folder) => {
    refusal(() => readGguf(`${folder}/none.gguf`), `Cannot read ${folder}/none.gguf: `);
    refusal(() => readGguf(folder), `Cannot read ${folder}: `);
    writeGguf(`${folder}/x.gguf`, {}, [], { version: 1 });
    refusal(() => readGguf(`${folder}/x.gguf`), `Cannot read ${folder}/x.gguf: GGUF version must be 2 or 3: found 1`);
  });
});

Deno.test("readGguf() parses or refuses every damaged file, and never fails in another way", () => {
  const sound = ggufBytes(METADATA, SMALL);
  const random = seeded(11);
  const outcomes = { parsed: 0, refused: 0 };
  for (let round = 0; round < 400; round++) {
    const bytes = round % 2 === 0 ? sound.slice(0, Math.floor(random() * sound.length)) : sound.slice();
    if (round % 2 === 1) {
      for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
    }
    try {
      read(bytes);
      outcomes.parsed++;
    } catch (error) {
      assert(error instanceof RunError, `round ${round}: ${error}`);
      assert(!error.message.includes("\n"), error.message);
      outcomes.refused++;
    }
  }
  assert(outcomes.refused > 250 && outcomes.parsed > 20, JSON.stringify(outcomes));
});
