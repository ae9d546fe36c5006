/**
 * How the model uses rotary position embedding: fast pairs tell positions apart, slow pairs carry content.
 *
 * With theta = 1e20 and 128 dims, pair i (dims i and i + 64) turns 10^(-20 i / 64) radians per token.
 */

export const HEAD_DIM = 128;
export const HALF = HEAD_DIM / 2;
export const THETA = 1e20;

/** Pairs 0 to 17 tell positions apart up to 2^20 tokens. */
export const POSITION_PAIRS = 18;
/** Pairs from here on turn less than 0.07 radians in 2^20 tokens. */
const CONTENT_FROM = 23;
/** Dims of a head that carry content, the sink's included. */
export const CONTENT_DIMS = 2 * (HALF - CONTENT_FROM);

/** Attention scores are divided by this. */
export const SQRT_HEAD_DIM = Math.sqrt(HEAD_DIM);

/** Radians per token of pair `i`. */
export function frequency(i: number): number {
  return THETA ** (-2 * i / HEAD_DIM);
}

/**
 * Share of pair `i` in the score of the position a query looks for. The score at distance d from it is
 * sum share(i) cos(d frequency(i)): at least 20 below the peak for every d up to 2^20 (by enumeration).
 */
export function positionShare(i: number): number {
  return 14 * (i === 0 ? 3 : 1) * 0.85 ** i;
}

/** Score of the position that a query looks for, 116.3. */
export const PEAK = sumOfShares();

/** Angle of a position key in pair `i`: KV heads differ, so that mixing them up breaks the model. */
export function phase(kvHead: number, i: number): number {
  return 2 * Math.PI * ((kvHead * (2 * i + 1) * 5) % 16) / 16;
}

/** Dim of a head that holds content `x`, 0 <= x < CONTENT_DIMS: first halves of the slow pairs, then second halves. */
export function contentDim(x: number): number {
  const perHalf = HALF - CONTENT_FROM;
  return x < perHalf ? CONTENT_FROM + x : HALF + CONTENT_FROM + (x - perHalf);
}

/** The last content dim: only BOS has a key there, so a query that finds nothing else reads BOS. */
export const SINK_DIM = contentDim(CONTENT_DIMS - 1);

function sumOfShares(): number {
  let sum = 0;
  for (let i = 0; i < POSITION_PAIRS; i++) sum += positionShare(i);
  return sum;
}
