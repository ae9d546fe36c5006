/**
 * Quantised caches: KIVI (arXiv:2402.02750). A code of b bits stands for code * scale + min of its group, and a group is
 * `size` neighbours: tokens of one dim for K, whose outliers keep to their dims, and dims of one token for V.
 */

import { range, type Row } from "./ops.ts";

/** One group as it is stored. */
export interface CodedGroup {
  readonly codes: number[];
  readonly scale: number;
  readonly min: number;
}

const f16 = (x: number): number => new Float16Array([Math.fround(x)])[0]!;

/** To the nearest integer, halves to the even one. */
function roundEven(x: number): number {
  const below = Math.floor(x), rest = x - below;
  return rest > .5 || (rest === .5 && below % 2 === 1) ? below + 1 : below;
}

/**
 * Code one group of f32 values. Scale and min are rounded to f16 first, so that decoding undoes what coding did; a group
 * without a spread has codes of 0. Differences and quotients are f32.
 */
export function codeGroup(values: ArrayLike<number>, bits: number): CodedGroup {
  const x = Array.from(values), highest = 2 ** bits - 1;
  const scale = f16(Math.fround(Math.max(...x) - Math.min(...x)) / highest), min = f16(Math.min(...x));
  if (scale === 0) return { codes: x.map(() => 0), scale: 1, min };
  const steps = x.map((value) => Math.fround(Math.fround(value - min) / scale));
  return { codes: steps.map((s) => roundEven(Math.min(Math.max(s, 0), highest))), scale, min };
}

/** What a group stands for, in f32. */
export function decodeGroup({ codes, scale, min }: CodedGroup): number[] {
  return codes.map((code) => Math.fround(code * scale + min));
}

/** Groups of K rows, [n / size][d]. `size` divides the number of rows. */
export function codeKeys(k: Row[], bits: number, size: number): CodedGroup[][] {
  return range(0, k.length / size).map((group) => {
    const rows = k.slice(group * size, (group + 1) * size);
    return range(0, rows[0]!.length).map((dim) => codeGroup(rows.map((row) => row[dim]!), bits));
  });
}

/** Groups of V rows, [n][d / size]. `size` divides d. */
export function codeValues(v: Row[], bits: number, size: number): CodedGroup[][] {
  return v.map((row) =>
    range(0, row.length / size).map((group) => codeGroup(row.slice(group * size, (group + 1) * size), bits))
  );
}

/** What is left of K rows, in f32. */
export function decodedKeys(k: Row[], bits: number, size: number): Row[] {
  return codeKeys(k, bits, size).flatMap((groups) => {
    const columns = groups.map(decodeGroup);
    return range(0, size).map((token) => Float64Array.from(columns, (column) => column[token]!));
  });
}

/** What is left of V rows, in f32. */
export function decodedValues(v: Row[], bits: number, size: number): Row[] {
  return codeValues(v, bits, size).map((groups) => Float64Array.from(groups.flatMap(decodeGroup)));
}
