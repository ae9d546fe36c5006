import type { Json } from "../sample.ts";

/**
 * Depths in percent, ascending and different, with two decimals.
 *
 * `linear:11` are 0, 10, ..., 100. `sigmoid:35` crowd at both ends: 100 / (1 + e^(-(x - 50) / 10)) of linear ones, with 0 and
 * 100 kept, as the first needle test did.
 *
 * @param value  `0,50,100`, the same as JSON numbers, `linear:<count>` or `sigmoid:<count>`.
 * @returns null for anything else.
 */
export function depthsFrom(value: Json): number[] | null {
  if (typeof value === "number") return depthsFrom([value]);
  if (typeof value === "string") {
    const spread = /^(linear|sigmoid):([1-9]\d{0,3})$/.exec(value);
    if (spread) return tidy(linear(Number(spread[2])).map(spread[1] === "linear" ? (x) => x : sigmoid));
    return depthsFrom(value.split(",").map((part) => part.trim() === "" ? NaN : Number(part)));
  }
  if (!Array.isArray(value) || value.length === 0) return null;
  const depths = value.filter((depth): depth is number => typeof depth === "number" && depth >= 0 && depth <= 100);
  return depths.length === value.length ? tidy(depths) : null;
}

function linear(count: number): number[] {
  return count === 1 ? [50] : Array.from({ length: count }, (_, i) => 100 * i / (count - 1));
}

function sigmoid(x: number): number {
  return x === 0 || x === 100 ? x : 100 / (1 + Math.exp(-(x - 50) / 10));
}

function tidy(depths: readonly number[]): number[] {
  return [...new Set(depths.map((depth) => Math.round(depth * 100) / 100))].sort((a, b) => a - b);
}
