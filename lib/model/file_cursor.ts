/** Reads a binary file from front to back in small pieces and never past its end. */
import { refuse } from "./model_file.ts";

const CHUNK_BYTES = 1 << 20;

/** Longest string accepted: real ones (chat templates, tokens) are far below, and a length is not to be trusted. */
const MAX_STRING_BYTES = 1 << 26;

/** Little-endian reader. Every method takes what it is reading, for the message when that cannot be. */
export class FileCursor implements Disposable {
  readonly path: string;
  readonly size: number;
  readonly #file: Deno.FsFile;
  readonly #text = new TextDecoder();
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** File position of `#bytes[0]`. */
  #start = 0;
  /** Next byte, as an index into `#bytes`. */
  #at = 0;

  /** @throws {RunError} when the file cannot be opened or is no regular file. */
  constructor(path: string) {
    this.path = path;
    const { isFile, size } = this.#system(() => Deno.statSync(path));
    if (!isFile) this.fail("must be a file: found a folder or a device");
    this.#file = this.#system(() => Deno.openSync(path));
    this.size = size;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  get position(): number {
    return this.#start + this.#at;
  }

  get remaining(): number {
    return this.size - this.position;
  }

  fail(problem: string): never {
    refuse(this.path, problem);
  }

  u8(what: string): number {
    const at = this.#take(1, what);
    return this.#view.getUint8(at);
  }

  i8(what: string): number {
    const at = this.#take(1, what);
    return this.#view.getInt8(at);
  }

  u16(what: string): number {
    const at = this.#take(2, what);
    return this.#view.getUint16(at, true);
  }

  i16(what: string): number {
    const at = this.#take(2, what);
    return this.#view.getInt16(at, true);
  }

  u32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getUint32(at, true);
  }

  i32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getInt32(at, true);
  }

  f32(what: string): number {
    const at = this.#take(4, what);
    return this.#view.getFloat32(at, true);
  }

  f64(what: string): number {
    const at = this.#take(8, what);
    return this.#view.getFloat64(at, true);
  }

  u64(what: string): number {
    const at = this.#take(8, what);
    return this.#safe(this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true), what);
  }

  i64(what: string): number {
    const at = this.#take(8, what);
    return this.#safe(this.#view.getUint32(at, true), this.#view.getInt32(at + 4, true), what);
  }

  /** UTF-8 with its length in front as u64. */
  string(what: string): string {
    const length = this.u64(what);
    if (length > MAX_STRING_BYTES) {
      this.fail(`${what}: a string must have at most ${MAX_STRING_BYTES} bytes: found length ${length}`);
    }
    const at = this.#take(length, what);
    return this.#text.decode(this.#bytes.subarray(at, at + length));
  }

  bytes(length: number, what: string): Uint8Array {
    const at = this.#take(length, what);
    return this.#bytes.slice(at, at + length);
  }

  #safe(low: number, high: number, what: string): number {
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) this.fail(`${what}: a number must be below 2^53: found about ${value}`);
    return value;
  }

  /** Make sure that `n` bytes are in memory, step over them, and return the index of the first. */
  #take(n: number, what: string): number {
    if (this.#at + n > this.#bytes.length) this.#fill(n, what);
    const at = this.#at;
    this.#at += n;
    return at;
  }

  #fill(n: number, what: string): void {
    if (n > this.remaining) {
      this.fail(`${what} must lie inside the file: ${n} bytes at ${this.position}, file has ${this.size} bytes`);
    }
    const position = this.position;
    const bytes = new Uint8Array(Math.min(Math.max(n, CHUNK_BYTES), this.remaining));
    const kept = this.#bytes.subarray(this.#at);
    bytes.set(kept);
    for (let filled = kept.length; filled < bytes.length;) {
      const got = this.#system(() => this.#file.readSync(bytes.subarray(filled)));
      if (got === null) this.fail(`${what}: the file shrank while it was read`);
      filled += got;
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#start = position;
    this.#at = 0;
  }

  #system<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error; // says which permission is missing
      this.fail((error as Error).message);
    }
  }
}
