import assert from "node:assert/strict";
import { type DType, DTYPES } from "../../lib/model/types.ts";
import { blockElements, dequantize, encodedBytes, fromBf16, roundToInt8Blocks, toBf16 } from "../reference/quant.ts";
import { dequantizeRow, levels, linear, type Path, randomWeights, tokens } from "../support/linear.ts";

const ROWS = [1, 31, 32, 33, 65];
const TOKENS = [1, 2, 3, 7, 8, 9, 31, 33, 70];
const COLS: Record<number, number[]> = {
  1: [1, 7, 32, 33, 100, 512, 513, 576],
  32: [32, 64, 96, 224, 256, 512, 576],
  256: [256, 512, 768],
};

interface Operands {
  /** x as the kernel multiplies it, [n, cols]. */
  readonly x: Float64Array;
  /** W as the kernel multiplies it, [rows, cols]. */
  readonly w: Float64Array;
}

/** What a path rounds before it multiplies; the products themselves are then right to f32. */
type Rounding = "int8" | "bf16" | "none";

function roundingOf(path: Path, level: string, dtype: DType): Rounding {
  if (path === "decode") return blockElements(dtype) > 1 ? "int8" : "none";
  return level === "avx512bf16" && dtype !== "f32" && dtype !== "f16" ? "bf16" : "none";
}

function operands(rounding: Rounding, dtype: DType, x: Float32Array, data: Uint8Array): Operands {
  const w = dequantize(dtype, data);
  if (rounding === "int8") return { x: roundToInt8Blocks(x), w };
  const round = rounding === "bf16" ? (v: number) => fromBf16(toBf16(Math.fround(v))) : Math.fround;
  return { x: Float64Array.from(x, round), w: w.map(round) };
}

interface Sums {
  readonly y: Float64Array;
  readonly magnitude: Float64Array;
}

/** y [n, rows] in float64, and the magnitude of its terms, which rounding errors of sums are relative to. */
function reference(
  { x, w }: Operands,
  n: number,
  rows: number,
  cols: number,
): Sums {
  const y = new Float64Array(n * rows), magnitude = new Float64Array(n * rows);
  for (let t = 0; t < n; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = 0, absolute = 0;
      for (let k = 0; k < cols; k++) {
        const product = x[t * cols + k]! * w[r * cols + k]!;
        sum += product;
        absolute += Math.abs(product);
      }
      y[t * rows + r] = sum;
      magnitude[t * rows + r] = absolute;
    }
  }
  return { y, magnitude };
}

for (const dtype of DTYPES) {
  Deno.test(`${dtype} weights become the numbers that the format means`, () => {
    for (const cols of COLS[blockElements(dtype)]!) {
      const data = randomWeights(dtype, cols, cols);
      const wanted = Float32Array.from(dequantize(dtype, data), (v) => v + 0); // no -0: its sign is nobody's business
      for (const level of levels) {
        const got = dequantizeRow(level, dtype, data, cols);
        assert.deepEqual(got.map((v) => v + 0), wanted, `${level}, ${cols} columns`);
      }
    }
  });

  Deno.test(`projections of ${dtype} weights agree with float64`, async (t) => {
    const n = Math.max(...TOKENS), rows = Math.max(...ROWS);
    for (const cols of COLS[blockElements(dtype)]!) {
      const x = tokens(n, cols, 1), data = randomWeights(dtype, rows * cols, 2);
      const references = new Map<Rounding, Sums>();
      for (const level of levels) {
        for (const path of ["decode", "prefill"] as const) {
          await t.step(`${cols} columns, ${path} with ${level}`, () => {
            const rounding = roundingOf(path, level, dtype);
            const wanted = references.get(rounding) ?? reference(operands(rounding, dtype, x, data), n, rows, cols);
            references.set(rounding, wanted);
            for (const someRows of ROWS) {
              const projections = [{
                dtype,
                rows: someRows,
                data: data.slice(0, encodedBytes(dtype, someRows * cols)),
              }];
              for (const someTokens of TOKENS) {
                const some = x.slice(0, someTokens * cols);
                const got = linear({ path, level, n: someTokens, cols, x: some, projections });
                let worst = 0;
                for (let i = 0; i < got.length; i++) {
                  const at = Math.floor(i / someRows) * rows + i % someRows;
                  worst = Math.max(worst, Math.abs(got[i]! - wanted.y[at]!) / (wanted.magnitude[at]! + 1e-30));
                }
                // f32 sums of at most 768 terms, one after the other in tiles and over lanes elsewhere: every step adds
                // up to 2^-24 of the magnitude, and their signs are random.
                assert.ok(worst <= 1e-5, `${someRows} rows, ${someTokens} tokens: off by ${worst} of the magnitude`);
              }
            }
          });
        }
      }
    }
  });
}

Deno.test("int8 activations are within half a step of what they stand for", () => {
  const x = tokens(1, 512, 3);
  roundToInt8Blocks(x).forEach((q, i) => {
    const block = x.subarray(i - i % 32).subarray(0, 32);
    assert.ok(Math.abs(q - x[i]!) <= 1.0001 * Math.max(...block.map(Math.abs)) / 254);
  });
});
