/** Projections of the native library by themselves, through the wrappers in test/native/shim_linear.cpp. */
import { type DType, DTYPES } from "../../lib/model/types.ts";
import { blockElements, encodedBytes, toBf16 } from "../reference/quant.ts";
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

/** Instruction sets that this machine has; the index is the library's `cpu_level`. */
const LEVELS = ["none", "avx2", "avx512", "avx512bf16"].slice(0, lib.rkvt_best_cpu_level() + 1);
export const levels: string[] = LEVELS.slice(1);
const PATHS = { either: 0, decode: 1, prefill: 2 };
export type Path = keyof typeof PATHS;

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
export function randomWeights(dtype: DType, count: number, seed: number): Uint8Array<ArrayBuffer> {
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

function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export interface Call {
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

/** One row of weights as the library decodes it. */
export function dequantizeRow(level: string, dtype: DType, data: Uint8Array<ArrayBuffer>, cols: number): Float32Array {
  const row = new Float32Array(cols);
  lib.rkvt_dequantize_row(LEVELS.indexOf(level), DTYPES.indexOf(dtype), data, cols, row);
  return row;
}

/** The results of all projections, one [n, rows] after the other. */
export function linear({ path, level, threads = 2, n, cols, x, projections, bias }: Call): Float32Array<ArrayBuffer> {
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

/** Random activations [n, cols]. */
export const tokens = (n: number, cols: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(randomRows(n, cols, seed).flatMap((row) => [...row]));

/** f32 as integers, for comparisons to the bit. */
export const bits = (x: Float32Array<ArrayBuffer>): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
