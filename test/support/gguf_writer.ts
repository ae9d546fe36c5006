/** Writes GGUF files for tests: a mirror image of `lib/model/gguf.ts`, written from the format's description alone. */
import { GGUF_TYPE_IDS } from "../../lib/model/dtype.ts";
import type { DType } from "../../lib/model/types.ts";

const SCALAR_TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];

export type GgufScalarType =
  | "u8"
  | "i8"
  | "u16"
  | "i16"
  | "u32"
  | "i32"
  | "f32"
  | "bool"
  | "string"
  | "u64"
  | "i64"
  | "f64";
type Scalar = number | bigint | boolean | string;

/** A metadata value with the type it has in the file; a list becomes an array of that type. */
export interface GgufTyped {
  readonly type: GgufScalarType;
  readonly value: Scalar | readonly Scalar[];
}

export const u32 = (value: number | readonly number[]): GgufTyped => ({ type: "u32", value });
export const i32 = (value: number | readonly number[]): GgufTyped => ({ type: "i32", value });
export const f32 = (value: number | readonly number[]): GgufTyped => ({ type: "f32", value });
export const bool = (value: boolean | readonly boolean[]): GgufTyped => ({ type: "bool", value });
export const str = (value: string | readonly string[]): GgufTyped => ({ type: "string", value });

export interface GgufTensorData {
  readonly name: string;
  readonly dtype: DType;
  /** GGUF order: innermost axis first, so a matrix is [cols, rows]. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export interface GgufOptions {
  /** @default {3} */
  readonly version?: number;
  /** Written as `general.alignment` when given. @default {32} */
  readonly alignment?: number;
}

/** The bytes of a GGUF file. */
export function ggufBytes(
  metadata: Readonly<Record<string, GgufTyped>>,
  tensors: readonly GgufTensorData[],
  { version = 3, alignment }: GgufOptions = {},
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(metadata);
  if (alignment !== undefined) entries.push(["general.alignment", u32(alignment)]);
  const pad = (n: number) => Math.ceil(n / (alignment ?? 32)) * (alignment ?? 32);
  const out = new Bytes();
  out.text("GGUF").u32(version).u64(tensors.length).u64(entries.length);
  for (const [key, { type, value }] of entries) {
    out.string(key);
    if (Array.isArray(value)) {
      out.u32(SCALAR_TYPES.indexOf("array")).u32(SCALAR_TYPES.indexOf(type)).u64(value.length);
      for (const item of value) out.scalar(type, item);
    } else {
      out.u32(SCALAR_TYPES.indexOf(type)).scalar(type, value as Scalar);
    }
  }
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors) {
    out.string(name).u32(shape.length);
    for (const n of shape) out.u64(n);
    out.u32(GGUF_TYPE_IDS[dtype]).u64(offset);
    offset += pad(data.length);
  }
  for (const { data } of tensors) out.padTo(pad(out.length)).raw(data);
  return out.take();
}

/** Write a GGUF file; tensors follow each other in the given order, padded to the alignment. */
export function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufTyped>>,
  tensors: readonly GgufTensorData[],
  options: GgufOptions = {},
): void {
  Deno.writeFileSync(path, ggufBytes(metadata, tensors, options));
}

/** A growing little-endian byte string. */
class Bytes {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  #room(n: number): number {
    const at = this.length;
    this.length += n;
    if (this.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  raw(data: Uint8Array): this {
    const at = this.#room(data.length);
    this.#bytes.set(data, at);
    return this;
  }

  padTo(length: number): this {
    this.#room(length - this.length);
    return this;
  }

  text(text: string): this {
    return this.raw(new TextEncoder().encode(text));
  }

  string(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  u32(value: number): this {
    return this.scalar("u32", value);
  }

  u64(value: number): this {
    return this.scalar("u64", value);
  }

  scalar(type: GgufScalarType, value: Scalar): this {
    switch (type) {
      case "string":
        return this.string(value as string);
      case "bool":
      case "u8":
        return this.#put(1, (at) => this.#view.setUint8(at, Number(value)));
      case "i8":
        return this.#put(1, (at) => this.#view.setInt8(at, Number(value)));
      case "u16":
        return this.#put(2, (at) => this.#view.setUint16(at, Number(value), true));
      case "i16":
        return this.#put(2, (at) => this.#view.setInt16(at, Number(value), true));
      case "u32":
        return this.#put(4, (at) => this.#view.setUint32(at, Number(value), true));
      case "i32":
        return this.#put(4, (at) => this.#view.setInt32(at, Number(value), true));
      case "f32":
        return this.#put(4, (at) => this.#view.setFloat32(at, Number(value), true));
      case "u64":
        return this.#put(8, (at) => this.#view.setBigUint64(at, BigInt(value), true));
      case "i64":
        return this.#put(8, (at) => this.#view.setBigInt64(at, BigInt(value), true));
      case "f64":
        return this.#put(8, (at) => this.#view.setFloat64(at, Number(value), true));
    }
  }

  #put(bytes: number, write: (at: number) => void): this {
    write(this.#room(bytes));
    return this;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }
}
