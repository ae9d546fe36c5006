/** How rows of K and V lie in the cache: plain, or quantised behind the most recent ones (KIVI, arXiv:2402.02750). */

/** What `--kv-type` can say. */
export const KV_TYPES = ["bf16", "f32", "int8", "int4", "int2"] as const;
export type KvType = typeof KV_TYPES[number];

export interface KvFormat {
  /** Bytes of an element that is not quantised. */
  readonly elementBytes: 2 | 4;
  /** Bits of a quantised element, 0 = none is. */
  readonly bits: 0 | 2 | 4 | 8;
  /** Tokens of a key group, and dims of a value group, that share a scale and a minimum. */
  readonly group: number;
  /** Most recent tokens that stay as they are. */
  readonly residual: number;
}

/** KIVI's own group and residual; a head dim that 32 does not divide gets the largest power of two that does. */
const GROUP = 32;
const RESIDUAL = 128;

/** @param headDim  A multiple of 8. */
export function kvFormat(type: KvType, headDim: number): KvFormat {
  const bits = { bf16: 0, f32: 0, int8: 8, int4: 4, int2: 2 } as const;
  let group = GROUP;
  while (headDim % group !== 0) group /= 2;
  return { elementBytes: type === "f32" ? 4 : 2, bits: bits[type], group, residual: RESIDUAL };
}

/** Bytes of one token's K and V in one KV head while it is not quantised: the unit of a token budget. */
export function rowBytes({ elementBytes }: KvFormat, headDim: number): number {
  return 2 * headDim * elementBytes;
}

/** Bytes of `tokens` cached rows of one KV head, scales included. Whole groups behind the residual are quantised. */
export function cacheBytes(format: KvFormat, headDim: number, tokens: number): number {
  const { bits, group, residual } = format;
  const quantised = bits === 0 ? 0 : Math.floor(Math.max(0, tokens - residual) / group) * group;
  // A scale and a minimum, f16 each, for every group.
  const codeBytes = 2 * headDim * (bits / 8 + 4 / group);
  return quantised * codeBytes + (tokens - quantised) * rowBytes(format, headDim);
}
