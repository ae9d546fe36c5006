/**
 * How a token budget becomes numbers: the one home of these formulas.
 *
 * A budget of B counts what one decode step reads per KV head, in tokens of K plus V, scoring included
 * (arXiv:2502.14051, section 3.6). Methods that score before they attend spend half on each.
 */

/** Numbers of a page selection. */
export interface PageNumbers {
  readonly pageSize: number;
  readonly queryDims: number;
}

/** RocketKV's division of a budget between eviction and selection. */
export interface RocketSplit {
  /** (prompt + new tokens) / budget, at least 1: `c`. */
  readonly compression: number;
  /** Share of the compression, as an exponent, that eviction takes: `alpha`. */
  readonly alpha: number;
  /** Tokens per KV head in the compressed cache, room for the new ones included: `C`. */
  readonly capacity: number;
  /** Prompt tokens among them: `P`. It can be below the window, even below 1; callers raise it. */
  readonly promptBudget: number;
}

/** (prompt + new tokens) / budget, at least 1. */
export function compressionOf(tokenBudget: number, totalTokens: number): number {
  return Math.max(1, totalTokens / tokenBudget);
}

/** Tokens attended exactly: half of the budget, rounded down, at least one. */
export function attendedHalf(tokenBudget: number): number {
  return Math.max(1, Math.floor(tokenBudget / 2));
}

/** min(0.2 + 0.06 log2 c, 0.8): the larger the compression, the more of it eviction takes. */
export function adaptiveAlpha(compression: number): number {
  return Math.min(0.2 + 0.06 * Math.log2(compression), 0.8);
}

/**
 * Stage 1 keeps 1/c^alpha of all tokens. The allowance for new tokens comes out of that, but the prompt gets at least
 * as much as the output, or everything.
 *
 * @param totalTokens  Prompt + new tokens.
 * @param alpha        Replaces the adaptive exponent.
 */
export function rocketSplit(
  tokenBudget: number,
  totalTokens: number,
  newTokens: number,
  alpha?: number,
): RocketSplit {
  const compression = compressionOf(tokenBudget, totalTokens);
  const exponent = alpha ?? adaptiveAlpha(compression);
  const capacity = Math.max(
    Math.trunc(totalTokens / compression ** exponent),
    Math.min(2 * newTokens, totalTokens),
  );
  return { compression, alpha: exponent, capacity, promptBudget: capacity - newTokens };
}

/**
 * Pages and dims that make scoring `compression` times cheaper than reading whole keys and values: the square root of
 * it by scoring pages instead of tokens, the rest by reading fewer dims.
 *
 * @param compression  What is left to compress, at least 1: tokens cached / budget.
 * @param pageSize     Replaces the default; the dims follow, so that the cost stays.
 */
export function pageNumbers(compression: number, headDim: number, pageSize?: number): PageNumbers {
  const root = Math.ceil(Math.sqrt(compression));
  const size = pageSize ?? (root > compression ? 1 : root);
  const dims = Math.trunc(headDim * size / compression);
  return { pageSize: size, queryDims: Math.min(headDim, Math.max(1, dims)) };
}
