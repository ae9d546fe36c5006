/** Numbers to the bytes of an element type: plain types here and fast, quantised ones by the reference's encoder. */
import type { DType } from "../../lib/model/types.ts";
import { quantize } from "../reference/quant.ts";

/** Encode, rounding plain types to nearest with ties to even. Rows must be whole blocks. */
export function encodeElements(dtype: DType, values: Float32Array): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case "f32":
      return new Uint8Array(values.slice().buffer);
    case "bf16": {
      const bits = new Uint32Array(values.slice().buffer);
      return new Uint8Array(Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16).buffer);
    }
    case "f16":
      return new Uint8Array(new Float16Array(values).buffer);
    default:
      return quantize(dtype, values);
  }
}
