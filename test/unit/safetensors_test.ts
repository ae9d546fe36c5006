import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import { readCheckpoint, readSafetensors } from "../../lib/model/safetensors.ts";
import type { FileTensor } from "../../lib/model/model_file.ts";
import { random as seeded } from "../reference/random.ts";
import { asyncRefusal, damage, refusal, withBytes, withFolder } from "../support/model_files.ts";
import {
  safetensorsBytes,
  type SafetensorsData,
  safetensorsWithHeader,
  writeSafetensors,
  writeShardedSafetensors,
} from "../support/safetensors_writer.ts";

const SMALL: SafetensorsData[] = [
  { name: "a", dtype: "f32", shape: [2, 3], data: new Uint8Array(24).fill(1) },
  { name: "b", dtype: "bf16", shape: [5], data: new Uint8Array(10).fill(2) },
  { name: "c", dtype: "f16", shape: [1, 4], data: new Uint8Array(8).fill(3) },
];

function read(bytes: Uint8Array): FileTensor[] {
  return withBytes(bytes, ".safetensors", readSafetensors);
}

/** A file of one or more described tensors and `bytes` bytes of data. */
function described(header: unknown, bytes: number): Uint8Array {
  return safetensorsWithHeader(typeof header === "string" ? header : JSON.stringify(header), [new Uint8Array(bytes)]);
}

const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: "F32", shape, data_offsets });

Deno.test("readSafetensors() finds every tensor's type, shape and bytes", () => {
  const bytes = safetensorsBytes(SMALL);
  const tensors = read(bytes);
  assert.deepEqual(tensors.map((t) => [t.name, t.dtype, t.shape]), SMALL.map((t) => [t.name, t.dtype, t.shape]));
  for (const [i, { offset, bytes: size }] of tensors.entries()) {
    assert.deepEqual(bytes.subarray(offset, offset + size), SMALL[i]!.data);
  }
});

Deno.test("readSafetensors() takes tensors in any order, empty files and types it cannot compute with", () => {
  const header = { last: f32([2], [16, 24]), first: { dtype: "I64", shape: [2], data_offsets: [0, 16] } };
  assert.deepEqual(read(described(header, 24)).map((t) => [t.name, t.dtype]), [["last", "f32"], ["first", "I64"]]);
  assert.deepEqual(read(safetensorsBytes([])), []);
});

const hostile: [string, Uint8Array, string][] = [
  ["an empty file", new Uint8Array(0), "header length must lie inside the file: 8 bytes at 0, file has 0 bytes"],
  [
    "a header length beyond the file",
    damage(safetensorsBytes(SMALL), (v) => v.setBigUint64(0, 5000n, true)),
    "header must end inside the file: found length 5000, file has",
  ],
  [
    "an absurd header length",
    damage(safetensorsBytes(SMALL), (v) => v.setBigUint64(0, (1n << 64n) - 1n, true)),
    "header length: a number must be below 2^53",
  ],
  ["a header that is not JSON", described("{nonsense", 0), "header must be JSON: "],
  [
    "a header that is not UTF-8",
    damage(described('{"x":1}', 0), (v) => v.setUint8(10, 0xff)),
    "header must be JSON: ",
  ],
  ["a header that is a list", described("[1, 2]", 0), "header must be a JSON object: found [1,2]"],
  ["an entry that is a number", described({ a: 3 }, 0), 'tensor "a" must be described by an object: found 3'],
  [
    "a shape with a negative axis",
    described({ a: f32([2, -1], [0, 8]) }, 8),
    'shape of tensor "a" must be a list of whole numbers: found [2,-1]',
  ],
  [
    "a shape that is a text",
    described({ a: f32("2", [0, 8]) }, 8),
    'shape of tensor "a" must be a list of whole numbers: found "2"',
  ],
  [
    "a range that is turned round",
    described({ a: f32([2], [8, 0]) }, 8),
    'data_offsets of tensor "a" must be [begin, end]: found [8,0]',
  ],
  [
    "no range",
    described({ a: { dtype: "F32", shape: [2] } }, 8),
    'data_offsets of tensor "a" must be [begin, end]: found undefined',
  ],
  [
    "an unknown dtype",
    described({ a: { dtype: "F4", shape: [2], data_offsets: [0, 1] } }, 1),
    'dtype of tensor "a" must be F32, F16 or BF16: found "F4"',
  ],
  [
    "bytes that do not fit the shape",
    described({ a: f32([2, 3], [0, 20]) }, 20),
    'tensor "a" must have 24 bytes for F32 [2, 3]: found 20',
  ],
  [
    "a shape whose product overflows",
    described({ a: f32([2 ** 50, 2 ** 50], [0, 8]) }, 8),
    'tensor "a" must have 5.070602400912918e+30 bytes',
  ],
  [
    "overlapping tensors",
    described({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12),
    'tensors must not overlap: tensor "b" starts at byte',
  ],
  [
    "a gap between tensors",
    described({ a: f32([2], [0, 8]), b: f32([2], [12, 20]) }, 20),
    'tensors must follow each other without gaps: tensor "b" starts at byte',
  ],
  ["a tensor past the end", described({ a: f32([4], [0, 16]) }, 8), "tensors must end where the file ends, at byte"],
  [
    "bytes after the last tensor",
    described({ a: f32([2], [0, 8]) }, 9),
    "tensors must end where the file ends, at byte",
  ],
];

for (const [what, bytes, message] of hostile) {
  Deno.test(`readSafetensors() refuses ${what}`, () => refusal(() => read(bytes), message));
}

Deno.test("readCheckpoint() reads one file or all shards", async () => {
  await withFolder(async (folder) => {
    writeSafetensors(`${folder}/model.safetensors`, SMALL);
    assert.deepEqual((await readCheckpoint(folder)).map((t) => t.name), ["a", "b", "c"]);
  });
  await withFolder(async (folder) => {
    writeShardedSafetensors(folder, SMALL, 2);
    const tensors = await readCheckpoint(folder);
    assert.deepEqual(
      tensors.map((t) => [t.name, t.path.slice(folder.length)]).sort(),
      [
        ["a", "/model-00001-of-00002.safetensors"],
        ["b", "/model-00002-of-00002.safetensors"],
        ["c", "/model-00001-of-00002.safetensors"],
      ],
    );
  });
});

Deno.test("readCheckpoint() names a missing shard, a missing tensor and a shard outside the folder", async () => {
  await withFolder(async (folder) => {
    writeShardedSafetensors(folder, SMALL, 2);
    const index = `${folder}/model.safetensors.index.json`;
    const sound = Deno.readTextFileSync(index);
    Deno.writeTextFileSync(index, sound.replace('"b":', '"bb":'));
    await asyncRefusal(
      () => readCheckpoint(folder),
      `model-00002-of-00002.safetensors: the index promises tensor "bb", the file lacks it`,
    );
    Deno.writeTextFileSync(index, sound.replace("model-00002-of-00002.safetensors", "../x.safetensors"));
    await asyncRefusal(
      () => readCheckpoint(folder),
      'must be the name of a .safetensors file: found "../x.safetensors"',
    );
    Deno.writeTextFileSync(index, '{"weight_map": [1]}');
    await asyncRefusal(() => readCheckpoint(folder), '"weight_map" must be an object: found [1]');
    Deno.writeTextFileSync(index, "nonsense");
    await asyncRefusal(() => readCheckpoint(folder), "model.safetensors.index.json: must be JSON");
    Deno.writeTextFileSync(index, sound);
    Deno.removeSync(`${folder}/model-00002-of-00002.safetensors`);
    await asyncRefusal(() => readCheckpoint(folder), `Cannot read ${folder}/model-00002-of-00002.safetensors: `);
  });
});

Deno.test("readSafetensors() parses or refuses every damaged file, and never fails in another way", () => {
  const sound = safetensorsBytes(SMALL);
  const random = seeded(5);
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const bytes = round % 2 === 0 ? sound.slice(0, Math.floor(random() * sound.length)) : sound.slice();
    if (round % 2 === 1) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    try {
      read(bytes);
    } catch (error) {
      assert(error instanceof RunError, `round ${round}: ${error}`);
      assert(!error.message.includes("\n"), error.message);
      refused++;
    }
  }
  assert(refused > 250, `${refused} of 400 refused`);
});
