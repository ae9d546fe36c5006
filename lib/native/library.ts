import { RunError } from "../error.ts";
import { builtFile, isFile } from "../installation.ts";
import { check } from "./error.ts";
import { symbols } from "./ffi.ts";
import { DEVICE_DESC, ERROR } from "./structs.ts";

/** `RKV_ABI_VERSION` of the header that this code was written for. */
export const ABI_VERSION = 2;

/** What runs a model. `index` is what the library calls it by. */
export interface Device {
  readonly index: number;
  readonly kind: "cpu" | "cuda";
  readonly usable: boolean;
  /** Hardware threads (CPU) or multiprocessors (CUDA). */
  readonly threads: number;
  /** Bytes. */
  readonly memoryTotal: number;
  readonly memoryFree: number;
  readonly name: string;
  /** Instruction sets in use, or the compute capability. */
  readonly arch: string;
  /** Why it cannot be used, or empty. */
  readonly detail: string;
}

/** The native library, opened. Its symbols can be called until the process ends: libraries are never unloaded. */
export class Library {
  readonly #native: Deno.DynamicLibrary<typeof symbols>;

  private constructor(readonly path: string, native: Deno.DynamicLibrary<typeof symbols>) {
    this.#native = native;
  }

  get symbols(): Deno.DynamicLibrary<typeof symbols>["symbols"] {
    return this.#native.symbols;
  }

  /** @throws {RunError} when the file is missing, cannot be loaded or speaks another ABI version. */
  static open(path: string = libraryPath()): Library {
    if (!isFile(path)) throw new RunError(`Cannot load ${path}: no such file: build it with make`);
    let version: number;
    try {
      // First alone: a library of another version may lack other symbols, and would only say so.
      const probe = Deno.dlopen(path, { rkv_abi_version: symbols.rkv_abi_version });
      version = probe.symbols.rkv_abi_version();
      probe.close();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new RunError(`Cannot load ${path}: Deno was started without --allow-ffi=${path}`);
      }
      const reason = (error as Error).message.replaceAll("Could not open library: ", "");
      throw new RunError(`Cannot load the library: ${reason}: build it again with make`);
    }
    if (version !== ABI_VERSION) {
      throw new RunError(
        `Cannot use ${path}: expected ABI version ${ABI_VERSION}, found ${version}: rebuild it with make`,
      );
    }
    return new Library(path, Deno.dlopen(path, symbols));
  }

  /** Devices that the library knows, usable or not. */
  get deviceCount(): number {
    return this.symbols.rkv_device_count();
  }

  /** What a device is and has free now; the first is the CPU. A CUDA device is started for it, which takes memory. */
  device(index: number): Device {
    const desc = DEVICE_DESC.alloc();
    const err = ERROR.alloc();
    check(this.symbols.rkv_device_info(index, desc, err), err, `describe device ${index}`);
    const { kind, usable, memory_total, memory_free, ...rest } = DEVICE_DESC.unpack(desc);
    return {
      index,
      kind: kind === 0 ? "cpu" : "cuda",
      usable: usable !== 0,
      memoryTotal: memory_total,
      memoryFree: memory_free,
      ...rest,
    };
  }

  /** Every device. */
  devices(): Device[] {
    return Array.from({ length: this.deviceCount }, (_, index) => this.device(index));
  }

  /**
   * Read bandwidth of a device's memory in bytes per second, the best of `rounds` passes over `bytes`.
   *
   * @param options.threads CPU threads, 0 = all.
   */
  async bandwidth(
    device: number,
    { threads = 0, bytes = 256 * 2 ** 20, rounds = 5 }: { threads?: number; bytes?: number; rounds?: number } = {},
  ): Promise<number> {
    const rate = new Float64Array(1);
    const err = ERROR.alloc();
    const status = await this.symbols.rkv_device_bandwidth(device, threads, BigInt(bytes), rounds, rate, err);
    check(status, err, `measure the bandwidth of device ${device}`);
    return rate[0]!;
  }
}

/** The library that was built with this code. */
export function libraryPath(): string {
  return builtFile("librocketkv.so");
}
