import { type DeviceChoice, deviceName } from "../lib/engine/device.ts";
import { Engine, type Prepared } from "../lib/engine/engine.ts";
import type { Workload } from "../lib/engine/memory.ts";
import { formatBytes } from "./ui/format.ts";
import { note } from "./ui/output.ts";
import { Progress } from "./ui/progress.ts";

/** Choose the device and read everything but the weights. In a terminal it says which device that is. */
export async function prepareEngine(flags: { model: string; device: string }): Promise<Prepared> {
  const prepared = await Engine.prepare(flags);
  const line = deviceLine(prepared.choice);
  if (line !== "" && Deno.stderr.isTerminal()) note(line);
  return prepared;
}

/** Load the weights, with a progress line when it takes long. */
export async function loadEngine(
  prepared: Prepared,
  { threads, workload, signal }: { threads: number; workload: Workload; signal: AbortSignal },
): Promise<Engine> {
  using progress = new Progress("load", (rate) => `${formatBytes(rate)}/s`);
  return await Engine.load(prepared, {
    threads,
    workload,
    signal,
    onProgress: (done, total) => progress.update(done, total),
  });
}

/** A CUDA device with its memory, or why `auto` took the CPU; empty for a CPU that was asked for. */
export function deviceLine({ device, refused }: DeviceChoice): string {
  if (device.kind === "cuda") {
    const memory = `${formatBytes(device.memoryFree)} of ${formatBytes(device.memoryTotal)} free`;
    return `Running on ${deviceName(device)}: ${device.name}, ${device.arch}, ${memory}`;
  }
  return refused.length === 0 ? "" : `Running on the CPU, not on ${refused.join("; ")}`;
}
