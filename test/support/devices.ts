/** Made-up devices. */
import type { DeviceList } from "../../lib/engine/device.ts";
import type { Device } from "../../lib/native/library.ts";

export const GIB = 2 ** 30;

export const CPU: Device = {
  index: 0,
  kind: "cpu",
  usable: true,
  threads: 2,
  memoryTotal: 16 * GIB,
  memoryFree: 8 * GIB,
  name: "Example CPU",
  arch: "avx2",
  detail: "",
};

/** A usable CUDA device; `number` as in `cuda:<number>`. */
export function card(number: number, changes: Partial<Device> = {}): Device {
  return {
    ...CPU,
    index: number + 1,
    kind: "cuda",
    threads: 100,
    memoryTotal: 24 * GIB,
    memoryFree: 15 * GIB,
    name: "Example GPU",
    arch: "sm_90",
    ...changes,
  };
}

/** One that was seen and cannot be used. */
export function oldCard(number: number): Device {
  return card(number, { usable: false, arch: "sm_75", detail: "compute capability must be at least 8.0: found 7.5" });
}

/** What stands in the place of the first CUDA device where none can be seen. */
export function noCuda(detail: string): Device {
  return card(0, { usable: false, name: "CUDA", arch: "", detail });
}

/** The devices as a list that remembers which were described. */
export function machine(...cards: Device[]): DeviceList & { readonly described: number[] } {
  const described: number[] = [];
  return {
    deviceCount: 1 + cards.length,
    described,
    device(index) {
      described.push(index);
      return [CPU, ...cards][index]!;
    },
  };
}
