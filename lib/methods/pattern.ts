/** What query heads attend to in a sparse prefill: the TypeScript side of `rkv_pattern`. */

export const PATTERN_KINDS = ["dense", "a_shape", "vertical_slash", "block"] as const;

/** See `rkv_pattern` in `cuda/include/rocketkv.h` for what the two numbers count. */
export interface Pattern {
  readonly kind: typeof PATTERN_KINDS[number];
  readonly first: number;
  readonly second: number;
}

/** Patterns of one layer: one for all of its query heads, or one for each. */
export type LayerPatterns = readonly [Pattern, ...Pattern[]];

export const DENSE_PATTERN: Pattern = { kind: "dense", first: 0, second: 0 };
