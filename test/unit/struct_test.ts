import assert from "node:assert/strict";
import { type Fields, Struct } from "../../lib/native/struct.ts";
import { STRUCTS } from "../../lib/native/structs.ts";
import { packPlans } from "../../lib/native/plan.ts";
import { GREEDY, packSamplers } from "../../lib/native/sampler.ts";
import { PLAN, SAMPLER } from "../../lib/native/structs.ts";
import { DENSE } from "../../lib/methods/plan.ts";

const header = Deno.readTextFileSync(new URL("../../cuda/include/rocketkv.h", import.meta.url));
const C_TYPES: Record<string, { type: string; bytes: number }> = {
  uint32_t: { type: "u32", bytes: 4 },
  int32_t: { type: "i32", bytes: 4 },
  float: { type: "f32", bytes: 4 },
  int64_t: { type: "i64", bytes: 8 },
  uint64_t: { type: "u64", bytes: 8 },
};

/** Every struct of the header with its fields, and the offsets that a C compiler gives them. */
const declared = [...header.matchAll(/typedef struct \{([\s\S]*?)\n\} (rkv_\w+);/g)].map(([, body, name]) => {
  const fields: Record<string, string> = {};
  const offsets: Record<string, number> = {};
  let end = 0;
  for (
    const [, type, field, length] of body!.replaceAll(/\/\*[\s\S]*?\*\//g, "").matchAll(
      /(\w+) (\w+)(?:\[(\d+)\])?;/g,
    )
  ) {
    const { bytes, type: scalar } = type === "char" ? { bytes: 1, type: `char[${length}]` } : C_TYPES[type!]!;
    const at = Math.ceil(end / bytes) * bytes;
    fields[field!] = scalar;
    offsets[field!] = at;
    end = at + bytes * Number(length ?? 1);
  }
  const alignment = Object.values(fields).some((type) => type.endsWith("64")) ? 8 : 4;
  return { name: name!, fields, offsets, size: Math.ceil(end / alignment) * alignment };
});

Deno.test("structs.ts has exactly the structs of rocketkv.h, in its order", () => {
  assert.deepEqual(Object.keys(STRUCTS), declared.map(({ name }) => name));
});

for (const { name, fields, offsets, size } of declared) {
  Deno.test(`structs.ts lays ${name} out as C does`, () => {
    const struct = STRUCTS[name as keyof typeof STRUCTS] as Struct<Fields>;
    assert.deepEqual({ struct_size: "u32", ...struct.fields }, fields);
    assert.deepEqual({ struct_size: 0, ...struct.offsets }, offsets);
    assert.equal(struct.size, size);
  });
}

Deno.test("Struct.unpack() gives back what pack() was given", () => {
  const struct = new Struct({ a: "i32", b: "i64", c: "f32", d: "u64", e: "u32" });
  const values = { a: -7, b: 2 ** 40, c: 0.25, d: 2n ** 63n, e: 2 ** 32 - 1 };
  assert.deepEqual(struct.unpack(struct.pack(values)), values);
});

Deno.test("Struct.pack() writes several structs in a row, each with its size", () => {
  const samplers = packSamplers([GREEDY, { ...GREEDY, topK: 40, seed: 5n }]);
  const second = samplers.slice(SAMPLER.size);
  assert.equal(new DataView(second.buffer).getUint32(0, true), SAMPLER.size);
  assert.deepEqual([SAMPLER.unpack(second).top_k, SAMPLER.unpack(second).seed], [40, 5n]);
});

Deno.test("Struct.unpack() reads text up to its NUL, as UTF-8", () => {
  const struct = new Struct({ text: "char[16]", after: "i32" });
  const bytes = struct.alloc();
  bytes.set(new TextEncoder().encode("größe"), struct.offsets.text);
  assert.equal(struct.unpack(bytes).text, "größe");
});

Deno.test("packPlans() turns names into their index and flags into 0 and 1", () => {
  const plan = PLAN.unpack(packPlans([{ ...DENSE, evict: "recent", pool: "avg", select: "pages", wholePages: true }]));
  assert.deepEqual([plan.evict, plan.pool, plan.select, plan.whole_pages, plan.keep_history], [1, 1, 1, 1, 0]);
});
