import assert from "node:assert/strict";
import { type DType, DTYPES } from "../../lib/model/types.ts";
import { blockElements, dequantize, encodedBytes, fromBf16, roundToInt8Blocks, toBf16 } from "../reference/quant.ts";
import { random, randomRows } from "../reference/random.ts";

const lib = Deno.dlopen(new URL("../../build/librkv_test.so", import.meta.url), {
  rkvt_best_cpu_level: { parameters: [], result: "i32" },
  rkvt_dequantize_row: { parameters: ["i32", "i32", "buffer", "i32", "buffer"], result: "void" },
  rkvt_linear: {
    parameters: [
      "i32", //    path
      "i32", //    level
      "i32", //    threads
      "i32", //    projections
      "buffer", // dtypes
      "buffer", // rows
      "i32", //    cols
      "buffer", // weights
      "buffer", // bias
      "buffer", // x
      "i32", //    n
      "buffer", // y
    ],
    result: "void",
  },
}).symbols;

const LEVELS = ["none", "avx2", "avx512", "avx512bf16"].slice(0, lib.rkvt_best_cpu_level() + 1);
const PATHS = { either: 0, decode: 1, prefill: 2 };
type Path = keyof typeof PATHS;

const ROWS = [1, 31, 32, 33, 65];
const TOKENS = [1, 2, 3, 7, 8, 9, 31, 33, 70];
const COLS: Record<number, number[]> = {
  1: [1, 7, 32, 33, 100, 512, 513, 576],
  32: [32, 64, 96, 224, 256, 512, 576],
  256: [256, 512, 768],
};

/** Offsets of the f16 numbers in a block; all other bytes are codes, or scales, of any value. */
const F16_AT: Partial<Record<DType, number[]>> = {
  q8_0: [0],
  q4_0: [0],
  q4_1: [0, 2],
  q5_0: [0],
  q5_1: [0, 2],
  q4_k: [0, 2],
  q5_k: [0, 2],
  q6_k: [208],
};

/** Random weights with every code that the format has. */
function randomWeights(dtype: DType, count: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = random(seed);
  const data = new Uint8Array(encodedBytes(dtype, count));
  const view = new DataView(data.buffer);
  const bytes = encodedBytes(dtype, blockElements(dtype));
  for (let at = 0; at < data.length; at += bytes) {
    const number = next() * 2 - 1;
    if (dtype === "f32") view.setFloat32(at, number, true);
    else if (dtype === "f16") view.setFloat16(at, number, true);
    else if (dtype === "bf16") view.setUint16(at, toBf16(number), true);
    else {
      for (let i = at; i < at + bytes; i++) data[i] = next() * 256;
      for (const f16 of F16_AT[dtype]!) view.setFloat16(at + f16, (next() * 2 - 1) / 16, true);
    }
  }
  return data;
}

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

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

interface Call {
  readonly path: Path;
  readonly level: string;
  readonly threads?: number;
  readonly n: number;
  readonly cols: number;
  readonly x: Float32Array<ArrayBuffer>;
  readonly projections: { dtype: DType; rows: number; data: Uint8Array<ArrayBuffer> }[];
  /** [sum of rows] */
  readonly bias?: Float32Array<ArrayBuffer>;
}

/** The results of all projections, one [n, rows] after the other. */
function linear({ path, level, threads = 2, n, cols, x, projections, bias }: Call): Float32Array<ArrayBuffer> {
  const y = new Float32Array(n * projections.reduce((sum, p) => sum + p.rows, 0));
  lib.rkvt_linear(
    PATHS[path],
    LEVELS.indexOf(level),
    threads,
    projections.length,
    Int32Array.from(projections, (p) => DTYPES.indexOf(p.dtype)),
    Int32Array.from(projections, (p) => p.rows),
    cols,
    concat(projections.map((p) => p.data)),
    bias ?? null,
    x,
    n,
    y,
  );
  return y;
}

const tokens = (n: number, cols: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(randomRows(n, cols, seed).flatMap((row) => [...row]));

const bits = (x: Float32Array<ArrayBuffer>): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);

for (const dtype of DTYPES) {
  Deno.test(`${dtype} weights become the numbers that the format means`, () => {
    for (const cols of COLS[blockElements(dtype)]!) {
      const data = randomWeights(dtype, cols, cols);
      const wanted = Float32Array.from(dequantize(dtype, data), (v) => v + 0); // no -0: its sign is nobody's business
      for (const level of LEVELS.slice(1)) {
        const got = new Float32Array(cols);
        lib.rkvt_dequantize_row(LEVELS.indexOf(level), DTYPES.indexOf(dtype), data, cols, got);
        assert.deepEqual(got.map((v) => v + 0), wanted, `${level}, ${cols} columns`);
      }
    }
  });

  Deno.test(`projections of ${dtype} weights agree with float64`, async (t) => {
    const n = Math.max(...TOKENS), rows = Math.max(...ROWS);
    for (const cols of COLS[blockElements(dtype)]!) {
      const x = tokens(n, cols, 1), data = randomWeights(dtype, rows * cols, 2);
      const references = new Map<Rounding, Sums>();
      for (const level of LEVELS.slice(1)) {
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

Deno.test("a row's result has the same bits in any company and with any number of threads", async (t) => {
  const n = 21, rows = 200;
  for (const dtype of DTYPES) {
    for (const level of LEVELS.slice(1)) {
      for (const path of ["decode", "prefill"] as const) {
        await t.step(`${dtype}, ${path} with ${level}`, () => {
          const cols = 768, x = tokens(n, cols, 4);
          const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 5) }];
          const call = { path, level, cols, projections };
          const together = linear({ ...call, n, x });
          for (const threads of [1, 3, 8]) {
            assert.deepEqual(bits(linear({ ...call, n, x, threads })), bits(together), `${threads} threads`);
          }
          for (let from = 0; from < n;) {
            const some = Math.min(n - from, 1 + from % 6); // 1, 2, 4, ... in turn
            const alone = linear({ ...call, n: some, x: x.slice(from * cols, (from + some) * cols) });
            assert.deepEqual(
              bits(alone),
              bits(together.slice(from * rows, (from + some) * rows)),
              `from token ${from}`,
            );
            from += some;
          }
        });
      }
    }
  }
});

Deno.test("projections of one call may differ in type and rows, and have a bias each", () => {
  const cols = 256;
  const projections = ([["q4_k", 70], ["f32", 3], ["q8_0", 33], ["bf16", 128]] as const).map(([dtype, rows], i) => ({
    dtype,
    rows,
    data: randomWeights(dtype, rows * cols, i),
  }));
  const bias = tokens(1, 70 + 3 + 33 + 128, 6);
  for (const path of ["decode", "prefill"] as const) {
    for (const level of LEVELS.slice(1)) {
      for (const n of [1, 5, 200]) {
        const x = tokens(n, cols, 7);
        const together = linear({ path, level, n, cols, x, projections, bias });
        let at = 0, firstBias = 0;
        for (const projection of projections) {
          const { rows } = projection;
          const alone = linear({ path, level, n, cols, x, projections: [projection] });
          for (let i = 0; i < n * rows; i++) {
            const wanted = alone[i]! + bias[firstBias + i % rows]!;
            // Prefill starts its sums with the bias, decode ends with it: another order of f32 additions.
            assert.ok(Math.abs(together[at + i]! - wanted) <= 1e-5 * (Math.abs(wanted) + 100), `${path}, ${level}`);
          }
          at += n * rows;
          firstBias += rows;
        }
      }
    }
  }
});

Deno.test("the largest codes and activations do not overflow", () => {
  const cols = 64, rows = 4;
  const x = new Float32Array(cols).fill(1);
  const data = randomWeights("q8_0", rows * cols, 8);
  for (let block = 0; block < data.length; block += 34) {
    new DataView(data.buffer).setFloat16(block, 1, true);
    data.fill(0x80, block + 2, block + 34); // -128
  }
  for (const level of LEVELS.slice(1)) {
    for (const path of ["decode", "prefill"] as const) {
      const y = linear({ path, level, n: 1, cols, x, projections: [{ dtype: "q8_0", rows, data }] });
      for (const value of y) assert.ok(Math.abs(value + 128 * cols) < 1e-6 * 128 * cols, `${path}, ${level}: ${value}`);
    }
  }
});

Deno.test("an activation that is no number spoils its own token only", () => {
  const cols = 256, rows = 40, n = 3;
  for (const dtype of DTYPES) {
    const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 9) }];
    const x = tokens(n, cols, 10), spoilt = x.slice();
    spoilt[cols + 100] = NaN;
    for (const path of ["decode", "prefill"] as const) {
      for (const level of LEVELS.slice(1)) {
        const good = linear({ path, level, n, cols, x, projections });
        const bad = linear({ path, level, n, cols, x: spoilt, projections });
        assert.ok(bad.subarray(rows, 2 * rows).every(Number.isNaN), `${dtype}, ${path}, ${level}`);
        for (const token of [0, 2]) {
          const range = [token * rows, (token + 1) * rows] as const;
          assert.deepEqual(bits(bad.slice(...range)), bits(good.slice(...range)), `${dtype}, ${path}, ${level}`);
        }
      }
    }
  }
});

Deno.test("activations of zero give the bias exactly", () => {
  const cols = 256, rows = 40, x = new Float32Array(cols);
  const bias = tokens(1, rows, 11);
  for (const dtype of DTYPES) {
    const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 12) }];
    for (const path of ["decode", "prefill"] as const) {
      for (const level of LEVELS.slice(1)) {
        assert.deepEqual(
          linear({ path, level, n: 1, cols, x, projections, bias }),
          bias,
          `${dtype}, ${path}, ${level}`,
        );
      }
    }
  }
});
