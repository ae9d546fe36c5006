/** Sizes and file spellings of the element types. */
import type { DType } from "./types.ts";

/** Elements and bytes of one block, in the GGUF layout; plain types have blocks of one element. */
export const BLOCKS: Readonly<Record<DType, { readonly elements: number; readonly bytes: number }>> = {
  f32: { elements: 1, bytes: 4 },
  f16: { elements: 1, bytes: 2 },
  bf16: { elements: 1, bytes: 2 },
  q8_0: { elements: 32, bytes: 34 },
  q4_0: { elements: 32, bytes: 18 },
  q4_1: { elements: 32, bytes: 20 },
  q5_0: { elements: 32, bytes: 22 },
  q5_1: { elements: 32, bytes: 24 },
  q4_k: { elements: 256, bytes: 144 },
  q5_k: { elements: 256, bytes: 176 },
  q6_k: { elements: 256, bytes: 210 },
};

/** Ids of the element types in a GGUF tensor table. */
export const GGUF_TYPE_IDS: Readonly<Record<DType, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q5_0: 6,
  q5_1: 7,
  q8_0: 8,
  q4_k: 12,
  q5_k: 13,
  q6_k: 14,
  bf16: 30,
};

/** GGUF types that rocketkv cannot compute with, so that a refusal can say what it met. */
export const GGUF_FOREIGN_TYPES: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [20, "IQ4_NL"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
]);

/** Spellings in a safetensors header. */
export const SAFETENSORS_DTYPES: ReadonlyMap<string, DType> = new Map([["F32", "f32"], ["F16", "f16"], [
  "BF16",
  "bf16",
]]);

/** Bytes of `elements` values; `elements` must be a multiple of the block. */
export function dtypeBytes(dtype: DType, elements: number): number {
  const block = BLOCKS[dtype];
  return elements / block.elements * block.bytes;
}
