/** Failures on demand in the CUDA emulator (`cuda/emu/faults.h`), for tests of what the program does then. */
import { Library } from "../../lib/native/library.ts";
import { EMULATED } from "./native.ts";

/** Codes of `cudaError_t`. */
export const CUDA_ERRORS = {
  memoryAllocation: 2,
  invalidConfiguration: 9,
  illegalAddress: 700,
  launchOutOfResources: 701,
  launchFailure: 719,
  notSupported: 801,
} as const;

const symbols = {
  rkv_emu_fail_call: { parameters: ["i32", "i32"], result: "i32" },
  rkv_emu_fail_launch: { parameters: ["i32", "i32"], result: "i32" },
  rkv_emu_limit_memory: { parameters: ["u64"], result: "void" },
  rkv_emu_set_machine: { parameters: ["i32", "i32", "i32"], result: "void" },
  rkv_emu_reset: { parameters: [], result: "void" },
} as const;

/** The emulated machine of this process. Disposing makes it whole again. */
export class Emulator implements Disposable {
  readonly #native = Deno.dlopen(EMULATED.library, symbols);
  readonly library = Library.open(EMULATED.library);

  /**
   * Let the n-th CUDA call from now fail, launches included; 1 is the next one, 0 none.
   *
   * @returns Whether the failure that was set before has happened.
   */
  failCall(n: number, error = 0): boolean {
    return this.#native.symbols.rkv_emu_fail_call(n, error) === 0;
  }

  /** The same for launches alone. An illegal address or launch failure shows when the kernel runs. */
  failLaunch(n: number, error = 0): boolean {
    return this.#native.symbols.rkv_emu_fail_launch(n, error) === 0;
  }

  /** Device memory in bytes from now on, what is used already included. */
  limitMemory(bytes: number): void {
    this.#native.symbols.rkv_emu_limit_memory(BigInt(bytes));
  }

  /** Pretend to be another machine. @param capability  80 is 8.0. @param driver  13000 is CUDA 13.0, 0: no driver. */
  setMachine(machine: { devices?: number; capability?: number; driver?: number }): void {
    const { devices = 1, capability = 80, driver = 13000 } = machine;
    this.#native.symbols.rkv_emu_set_machine(devices, capability, driver);
  }

  /** Bytes of device memory in use. */
  used(): number {
    const { memoryTotal, memoryFree } = this.library.device(EMULATED.device);
    return memoryTotal - memoryFree;
  }

  reset(): void {
    this.#native.symbols.rkv_emu_reset();
  }

  [Symbol.dispose](): void {
    this.reset();
    this.#native.close();
  }
}
