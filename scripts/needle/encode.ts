/** Numbers as the bytes of a tensor. */

export type FloatDType = "f32" | "bf16";

/** Little-endian bytes; bf16 rounds to nearest, ties to even. */
export function encode(data: Float32Array<ArrayBuffer>, dtype: FloatDType): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const bytes = new Uint8Array(data.length * (dtype === "f32" ? 4 : 2));
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    if (dtype === "f32") view.setUint32(4 * i, word, true);
    else view.setUint16(2 * i, (word + 0x7fff + ((word >>> 16) & 1)) >>> 16, true);
  });
  return bytes;
}
