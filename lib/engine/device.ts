import { RunError, UsageError } from "../error.ts";
import type { Device } from "../native/library.ts";

/** The devices of a library, described one by one: describing a CUDA device takes memory on it. */
export interface DeviceList {
  readonly deviceCount: number;
  /** @param index  0 is the CPU, the others are CUDA devices. */
  device(index: number): Device;
}

/** What a name stands for. */
export interface DeviceChoice {
  readonly device: Device;
  /** Why `auto` took the CPU: `cuda:0: <reason>` per CUDA device, or `CUDA: <reason>`; empty otherwise. */
  readonly refused: readonly string[];
}

/** What people call a device: `cpu`, `cuda:0`. */
export function deviceName({ kind, index }: Device): string {
  return kind === "cpu" ? "cpu" : `cuda:${index - 1}`;
}

/**
 * The device that a name means: `auto` (the first usable CUDA device, else the CPU), `cpu`, `cuda`, `cuda:1`.
 *
 * @throws {UsageError} for a name that is none of these.
 * @throws {RunError} for a device that is not there or cannot be used.
 */
export function chooseDevice(list: DeviceList, name: string): DeviceChoice {
  const [, kind, number] = name.match(/^(auto|cpu|cuda)(?::(\d+))?$/) ?? [];
  if (kind === undefined || (number !== undefined && kind !== "cuda")) {
    throw new UsageError(`Cannot use device "${name}": expected auto, cpu, cuda or cuda:<number>`);
  }
  if (kind === "cuda") return { device: cudaDevice(list, name, Number(number ?? 0)), refused: [] };
  const refused: string[] = [];
  for (let index = 1; kind === "auto" && index < list.deviceCount; index++) {
    const device = list.device(index);
    if (device.usable) return { device, refused: [] };
    refused.push(`${device.arch === "" ? "CUDA" : deviceName(device)}: ${device.detail}`);
  }
  return { device: list.device(0), refused };
}

function cudaDevice(list: DeviceList, name: string, number: number): Device {
  const count = list.deviceCount - 1;
  // Where no device can be used at all, the first entry says why, whichever was asked for.
  const device = list.device(number < count ? number + 1 : Math.min(1, count));
  if (device.kind === "cuda" && !device.usable) {
    throw new RunError(`Cannot use device "${name}": ${device.detail}: pass --device cpu`);
  }
  if (number >= count) throw new RunError(`Cannot use device "${name}": found ${count} CUDA devices`);
  return device;
}
