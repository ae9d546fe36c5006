/** C structs as bytes: one declarative list of fields gives offsets, size, packing and unpacking. */

const SCALAR_BYTES = { u32: 4, i32: 4, f32: 4, i64: 8, u64: 8 } as const;

/** `i64` becomes a number, so that byte counts can be calculated with; `u64` stays a bigint. */
export type FieldType = keyof typeof SCALAR_BYTES | `char[${number}]`;
export type Fields = Readonly<Record<string, FieldType>>;
type Value<T extends FieldType> = T extends "u64" ? bigint : T extends `char[${number}]` ? string : number;
export type Values<F extends Fields> = { [K in keyof F]: Value<F[K]> };

/** Memory that is handed to the library. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Layout of one struct of the C header. The leading `struct_size` is implied and filled in by itself. */
export class Struct<const F extends Fields> {
  readonly fields: F;
  /** Byte offset of every field, in C's layout for x86-64 and aarch64. */
  readonly offsets: Readonly<Record<keyof F, number>>;
  /** `sizeof`, padding included. */
  readonly size: number;

  constructor(fields: F) {
    this.fields = fields;
    const offsets: Record<string, number> = {};
    let end = 4; // struct_size
    let alignment = 4;
    for (const [name, type] of Object.entries(fields)) {
      const align = isText(type) ? 1 : SCALAR_BYTES[type];
      offsets[name] = Math.ceil(end / align) * align;
      end = offsets[name] + fieldBytes(type);
      alignment = Math.max(alignment, align);
    }
    this.offsets = offsets as Record<keyof F, number>;
    this.size = Math.ceil(end / alignment) * alignment;
  }

  /** `count` zeroed structs in a row, each with its `struct_size` set. */
  alloc(count = 1): Bytes {
    const bytes = new Uint8Array(this.size * count);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) view.setUint32(i * this.size, this.size, true);
    return bytes;
  }

  /** Structs in a row, one for each element of `values`. */
  pack(...values: readonly Values<F>[]): Bytes {
    const bytes = this.alloc(values.length);
    const view = new DataView(bytes.buffer);
    values.forEach((value, i) => {
      for (const [name, type] of Object.entries(this.fields)) {
        write(view, i * this.size + this.offsets[name]!, type, value[name]!);
      }
    });
    return bytes;
  }

  /** The first struct at `bytes`. */
  unpack(bytes: Bytes): Values<F> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, this.size);
    const values: Record<string, bigint | number | string> = {};
    for (const [name, type] of Object.entries(this.fields)) values[name] = read(view, this.offsets[name]!, type);
    return values as Values<F>;
  }
}

function isText(type: FieldType): type is `char[${number}]` {
  return type.startsWith("char[");
}

function fieldBytes(type: FieldType): number {
  return isText(type) ? Number(type.slice(5, -1)) : SCALAR_BYTES[type];
}

function write(view: DataView, at: number, type: FieldType, value: bigint | number | string): void {
  if (type === "u32") view.setUint32(at, value as number, true);
  else if (type === "i32") view.setInt32(at, value as number, true);
  else if (type === "f32") view.setFloat32(at, value as number, true);
  else if (type === "i64") view.setBigInt64(at, BigInt(value), true);
  else if (type === "u64") view.setBigUint64(at, value as bigint, true);
  else throw new TypeError(`Cannot pack a field of type ${type}: texts are only read`);
}

function read(view: DataView, at: number, type: FieldType): bigint | number | string {
  if (type === "u32") return view.getUint32(at, true);
  if (type === "i32") return view.getInt32(at, true);
  if (type === "f32") return view.getFloat32(at, true);
  if (type === "i64") return Number(view.getBigInt64(at, true));
  if (type === "u64") return view.getBigUint64(at, true);
  const text = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + at, fieldBytes(type));
  const end = text.indexOf(0);
  return new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
}
