import assert from "node:assert/strict";
import { DTYPES } from "../../lib/model/types.ts";
import type { DType } from "../../lib/model/types.ts";
import { blockElements, dequantize, encodedBytes, quantize } from "../reference/quant.ts";
import { randomRows } from "../reference/random.ts";

interface Entry {
  readonly dtype: DType;
  readonly hex: string;
  readonly values: number[];
}

const fixture: Entry[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/quant_blocks.json", import.meta.url)),
);

Deno.test("the reference decodes every format as the gguf package does", async (t) => {
  assert.deepEqual(fixture.map((e) => e.dtype), [...DTYPES]);
  for (const { dtype, hex, values } of fixture) {
    await t.step(dtype, () => {
      const got = dequantize(dtype, Uint8Array.fromHex(hex));
      assert.equal(got.length, values.length);
      // gguf computes in f32, and forms products of the K types before it subtracts mins.
      const largest = Math.max(...values.map(Math.abs));
      got.forEach((x, i) =>
        assert.ok(Math.abs(x - values[i]!) <= 4e-7 * largest, `${dtype}[${i}]: ${x}, ${values[i]}`)
      );
    });
  }
});

/** Largest error of the encoder in steps of its codes: half a step, plus rounding of scales and mins themselves. */
const STEPS: Partial<Record<DType, number>> = {
  q8_0: 1 / 127,
  q4_0: 1 / 7.5,
  q4_1: 1 / 14,
  q5_0: 1 / 15.5,
  q5_1: 1 / 30,
  q4_k: 1 / 10,
  q5_k: 1 / 16,
  q6_k: 1 / 28,
};

Deno.test("the reference encodes numbers to within a code's step", async (t) => {
  for (const dtype of DTYPES) {
    await t.step(dtype, () => {
      const x = randomRows(1, 512, 7)[0]!;
      const got = dequantize(dtype, quantize(dtype, x));
      const step = STEPS[dtype] ?? 2 ** -8;
      for (let i = 0; i < x.length; i += 1) {
        const block = x.subarray(i - i % blockElements(dtype)).subarray(0, blockElements(dtype));
        const extreme = Math.max(...block.map(Math.abs));
        assert.ok(Math.abs(got[i]! - x[i]!) <= step * extreme, `${dtype}[${i}]: ${x[i]} became ${got[i]}`);
      }
    });
  }
});

Deno.test("the reference refuses a part of a block", () => {
  assert.throws(() => encodedBytes("q4_k", 128), /Cannot store 128 elements as q4_k: a block has 256/);
});
