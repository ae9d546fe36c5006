import { type LayerPatterns, PATTERN_KINDS } from "../methods/pattern.ts";
import type { Bytes } from "./struct.ts";
import { PATTERN } from "./structs.ts";

/** Patterns as an array of the library's `rkv_pattern`. */
export function packPatterns(patterns: LayerPatterns): Bytes {
  return PATTERN.pack(...patterns.map(({ kind, first, second }) => ({
    kind: PATTERN_KINDS.indexOf(kind),
    first,
    second,
  })));
}
