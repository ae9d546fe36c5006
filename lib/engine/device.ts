import { RunError, UsageError } from "../error.ts";
import type { Device } from "../native/library.ts";

/**
 * The device that a name means: `auto` (the first usable CUDA device, else the CPU), `cpu`, `cuda`, `cuda:1`.
 *
 * @throws {UsageError} for a name that is none of these.
 * @throws {RunError} for a device that is not there or cannot be used.
 */
export function chooseDevice(devices: readonly Device[], name: string): Device {
  const [, kind, number] = name.match(/^(auto|cpu|cuda)(?::(\d+))?$/) ?? [];
  if (kind === undefined || (number !== undefined && kind !== "cuda")) {
    throw new UsageError(`Cannot use device "${name}": expected auto, cpu, cuda or cuda:<number>`);
  }
  const cpu = devices.find((device) => device.kind === "cpu")!;
  if (kind === "cpu") return cpu;
  const cards = devices.filter((device) => device.kind === "cuda");
  if (kind === "auto") return cards.find((card) => card.usable) ?? cpu;
  const card = cards[Number(number ?? 0)];
  if (card === undefined) throw new RunError(`Cannot use device "${name}": found ${cards.length} CUDA devices`);
  if (!card.usable) throw new RunError(`Cannot use device "${name}": ${card.detail}: pass --device cpu`);
  return card;
}
