/** Numbers to the bytes of an element type and back. */
import type { DType } from "../../lib/model/types.ts";

/** Encode, rounding to nearest with ties to even. */
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
      throw new Error(`no encoder for ${dtype}`);
  }
}

/** Decode; exact for every type. */
export function decodeElements(dtype: DType, data: Uint8Array<ArrayBuffer>): Float32Array {
  switch (dtype) {
    case "f32":
      return new Float32Array(data.slice().buffer);
    case "bf16":
      return new Float32Array(Uint32Array.from(new Uint16Array(data.slice().buffer), (b) => b << 16).buffer);
    case "f16":
      return new Float32Array(new Float16Array(data.slice().buffer));
    default:
      throw new Error(`no decoder for ${dtype}`);
  }
}
