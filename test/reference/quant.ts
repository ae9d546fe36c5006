/**
 * Weight formats of GGUF files as an executable specification: float64 decoding, and a plain encoder that makes valid
 * blocks for tests. Written for clarity; `cuda/cpu/quant_blocks.h` states the same layouts for the fast code.
 *
 * A row is a run of blocks. q is an element's unsigned code; d, m and dmin are little-endian f16 numbers.
 */
import type { DType } from "../../lib/model/types.ts";

interface Format {
  /** Elements and bytes of a block. */
  readonly elements: number;
  readonly bytes: number;
  /** Write the block's elements to `x[at ...]`. */
  decode(block: DataView, x: Float64Array, at: number): void;
  /** Write a block whose elements are about `x`. */
  encode(x: Float64Array, block: DataView): void;
}

const round = (x: number, low: number, high: number): number => Math.max(low, Math.min(high, Math.round(x)));
const most = (x: Float64Array): number => x.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
const ratio = (x: number, d: number): number => d === 0 ? 0 : x / d;

/** Round to bf16, ties to even; returns the upper 16 bits of the f32. */
export function toBf16(x: number): number {
  const bits = new Uint32Array(new Float32Array([x]).buffer)[0]!;
  return Number.isNaN(x) ? 0x7fc0 : ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16) & 0xffff;
}

export function fromBf16(bits: number): number {
  return new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!;
}

const f32: Format = {
  elements: 1,
  bytes: 4,
  decode: (block, x, at) => x[at] = block.getFloat32(0, true),
  encode: (x, block) => block.setFloat32(0, x[0]!, true),
};

const f16: Format = {
  elements: 1,
  bytes: 2,
  decode: (block, x, at) => x[at] = block.getFloat16(0, true),
  encode: (x, block) => block.setFloat16(0, x[0]!, true),
};

const bf16: Format = {
  elements: 1,
  bytes: 2,
  decode: (block, x, at) => x[at] = fromBf16(block.getUint16(0, true)),
  encode: (x, block) => block.setUint16(0, toBf16(x[0]!), true),
};

/** d, 32 signed bytes: x = d * q. */
const q8_0: Format = {
  elements: 32,
  bytes: 34,
  decode(block, x, at) {
    for (let i = 0; i < 32; i++) x[at + i] = block.getFloat16(0, true) * block.getInt8(2 + i);
  },
  encode(x, block) {
    block.setFloat16(0, most(x) / 127, true);
    const d = block.getFloat16(0, true);
    for (let i = 0; i < 32; i++) block.setInt8(2 + i, round(ratio(x[i]!, d), -127, 127));
  },
};

/**
 * Blocks of 32 codes: d, then m if there is one, then 32 fifth bits if there are any, then 16 bytes with element i in
 * the low and element i + 16 in the high half of byte i. x = d * q + m, or d * (q - 2^(bits - 1)) without m.
 */
function packed32(bits: 4 | 5, hasMin: boolean): Format {
  const high = hasMin ? 4 : 2;
  const low = high + (bits === 5 ? 4 : 0);
  const middle = 2 ** (bits - 1);
  return {
    elements: 32,
    bytes: low + 16,
    decode(block, x, at) {
      const d = block.getFloat16(0, true);
      const m = hasMin ? block.getFloat16(2, true) : -middle * d;
      for (let i = 0; i < 32; i++) {
        const nibble = block.getUint8(low + i % 16) >> (i < 16 ? 0 : 4) & 15;
        const fifth = bits === 5 ? block.getUint32(high, true) >>> i & 1 : 0;
        x[at + i] = d * (nibble + 16 * fifth) + m;
      }
    },
    encode(x, block) {
      let d: number, m: number;
      if (hasMin) {
        const min = x.reduce((a, b) => Math.min(a, b)), max = x.reduce((a, b) => Math.max(a, b));
        block.setFloat16(0, (max - min) / (2 * middle - 1), true);
        block.setFloat16(2, min, true);
        d = block.getFloat16(0, true);
        m = block.getFloat16(2, true);
      } else {
        // The element of largest magnitude gets code 0: there is one more code below the middle than above it.
        const extreme = x.reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a);
        block.setFloat16(0, extreme / -middle, true);
        d = block.getFloat16(0, true);
        m = -middle * d;
      }
      let fifths = 0;
      for (let i = 0; i < 32; i++) {
        const q = round(ratio(x[i]! - m, d), 0, 2 * middle - 1);
        const at = low + i % 16;
        block.setUint8(at, block.getUint8(at) | (q & 15) << (i < 16 ? 0 : 4));
        fifths |= (q >> 4) << i;
      }
      if (bits === 5) block.setUint32(high, fifths >>> 0, true);
    },
  };
}

/** 6-bit scale and min of sub-block j in the 12 bytes from offset 4 of a Q4_K or Q5_K block. */
function getScale(block: DataView, j: number): { scale: number; min: number } {
  const byte = (i: number): number => block.getUint8(4 + i);
  if (j < 4) return { scale: byte(j) & 63, min: byte(j + 4) & 63 };
  return {
    scale: byte(j + 4) & 15 | byte(j - 4) >> 6 << 4,
    min: byte(j + 4) >> 4 | byte(j) >> 6 << 4,
  };
}

function setScale(block: DataView, j: number, scale: number, min: number): void {
  const or = (i: number, bits: number): void => block.setUint8(4 + i, block.getUint8(4 + i) | bits);
  if (j < 4) {
    or(j, scale);
    or(j + 4, min);
  } else {
    or(j + 4, scale & 15 | (min & 15) << 4);
    or(j - 4, scale >> 4 << 6);
    or(j, min >> 4 << 6);
  }
}

/**
 * d, dmin, 12 bytes of scales, 32 bytes with the fifth bit of element i of sub-block j in bit j of byte i (5 bits only),
 * and 4 x 32 bytes with element i of sub-blocks 2j and 2j + 1 in the halves of byte i. x = d * scale * q - dmin * min.
 */
function super256(bits: 4 | 5): Format {
  const high = 16;
  const low = bits === 5 ? 48 : 16;
  const codes = 2 ** bits - 1;
  return {
    elements: 256,
    bytes: low + 128,
    decode(block, x, at) {
      const d = block.getFloat16(0, true), dmin = block.getFloat16(2, true);
      for (let j = 0; j < 8; j++) {
        const { scale, min } = getScale(block, j);
        for (let i = 0; i < 32; i++) {
          const nibble = block.getUint8(low + 32 * (j >> 1) + i) >> (j % 2 === 0 ? 0 : 4) & 15;
          const fifth = bits === 5 ? block.getUint8(high + i) >> j & 1 : 0;
          x[at + 32 * j + i] = d * scale * (nibble + 16 * fifth) - dmin * min;
        }
      }
    },
    encode(x, block) {
      const sub = Array.from({ length: 8 }, (_, j) => x.subarray(32 * j, 32 * j + 32));
      const low32 = sub.map((s) => Math.max(0, -s.reduce((a, b) => Math.min(a, b)))); // mins are subtracted, >= 0
      const step = sub.map((s, j) => Math.max(0, s.reduce((a, b) => Math.max(a, b)) + low32[j]!) / codes);
      block.setFloat16(0, Math.max(...step) / 63, true);
      block.setFloat16(2, Math.max(...low32) / 63, true);
      const d = block.getFloat16(0, true), dmin = block.getFloat16(2, true);
      for (let j = 0; j < 8; j++) {
        const scale = round(ratio(step[j]!, d), 0, 63), min = round(ratio(low32[j]!, dmin), 0, 63);
        setScale(block, j, scale, min);
        for (let i = 0; i < 32; i++) {
          const q = round(ratio(sub[j]![i]! + dmin * min, d * scale), 0, codes);
          const at = low + 32 * (j >> 1) + i;
          block.setUint8(at, block.getUint8(at) | (q & 15) << (j % 2 === 0 ? 0 : 4));
          if (bits === 5) block.setUint8(high + i, block.getUint8(high + i) | (q >> 4) << j);
        }
      }
    },
  };
}

/** Byte and shift of the lower four and the upper two bits of element `e` of a Q6_K block. */
function q6Place(e: number): { low: number; lowShift: number; high: number; highShift: number } {
  const half = e >> 7, quarter = e >> 5 & 3, l = e & 31;
  return {
    low: 64 * half + 32 * (quarter % 2) + l,
    lowShift: quarter < 2 ? 0 : 4,
    high: 128 + 32 * half + l,
    highShift: 2 * quarter,
  };
}

/** 128 bytes of lower bits, 64 of upper bits, 16 signed scales, d. x = d * scale * (q - 32), a scale for 16 elements. */
const q6_k: Format = {
  elements: 256,
  bytes: 210,
  decode(block, x, at) {
    const d = block.getFloat16(208, true);
    for (let e = 0; e < 256; e++) {
      const place = q6Place(e);
      const q = block.getUint8(place.low) >> place.lowShift & 15 |
        (block.getUint8(place.high) >> place.highShift & 3) << 4;
      x[at + e] = d * block.getInt8(192 + (e >> 4)) * (q - 32);
    }
  },
  encode(x, block) {
    const extreme = Array.from(
      { length: 16 },
      (_, j) => x.subarray(16 * j, 16 * j + 16).reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a),
    );
    block.setFloat16(208, Math.max(...extreme.map(Math.abs)) / 32 / 127, true);
    const d = block.getFloat16(208, true);
    for (let j = 0; j < 16; j++) block.setInt8(192 + j, round(ratio(extreme[j]! / -32, d), -127, 127));
    for (let e = 0; e < 256; e++) {
      const q = round(ratio(x[e]!, d * block.getInt8(192 + (e >> 4))), -32, 31) + 32;
      const place = q6Place(e);
      block.setUint8(place.low, block.getUint8(place.low) | (q & 15) << place.lowShift);
      block.setUint8(place.high, block.getUint8(place.high) | (q >> 4) << place.highShift);
    }
  },
};

const formats: Record<DType, Format> = {
  f32,
  f16,
  bf16,
  q8_0,
  q4_0: packed32(4, false),
  q4_1: packed32(4, true),
  q5_0: packed32(5, false),
  q5_1: packed32(5, true),
  q4_k: super256(4),
  q5_k: super256(5),
  q6_k,
};

/** Elements of one block of a type: 1, 32 or 256. */
export function blockElements(dtype: DType): number {
  return formats[dtype].elements;
}

/** Bytes of `count` elements, which must fill whole blocks. */
export function encodedBytes(dtype: DType, count: number): number {
  const { elements, bytes } = formats[dtype];
  if (count % elements !== 0) {
    throw new RangeError(`Cannot store ${count} elements as ${dtype}: a block has ${elements}`);
  }
  return count / elements * bytes;
}

/** Decode whole blocks. */
export function dequantize(dtype: DType, data: Uint8Array): Float64Array {
  const { elements, bytes, decode } = formats[dtype];
  const x = new Float64Array(data.length / bytes * elements);
  for (let b = 0; b * bytes < data.length; b++) {
    decode(new DataView(data.buffer, data.byteOffset + b * bytes, bytes), x, b * elements);
  }
  return x;
}

/** Encode numbers that fill whole blocks. A valid encoding, not the best one: scales come from the extremes. */
export function quantize(dtype: DType, x: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const { elements, bytes, encode } = formats[dtype];
  const data = new Uint8Array(encodedBytes(dtype, x.length));
  const values = Float64Array.from(x);
  for (let b = 0; b * bytes < data.length; b++) {
    encode(values.subarray(b * elements, (b + 1) * elements), new DataView(data.buffer, b * bytes, bytes));
  }
  return data;
}

/**
 * Activations as integer dot products see them: blocks of 32, x = scale * q with scale = max|x| / 127 and q in
 * [-127, 127] rounded to nearest, ties to even. f32 arithmetic, so that a backend's codes can be met exactly.
 */
export function roundToInt8Blocks(x: Float32Array): Float64Array {
  const rounded = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += 32) {
    const max = x.subarray(from, from + 32).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const scale = Math.fround(max / 127), inverse = max > 0 ? Math.fround(127 / max) : 0;
    for (let i = from; i < from + 32; i++) rounded[i] = scale * roundToEven(Math.fround(x[i]! * inverse));
  }
  return rounded;
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
