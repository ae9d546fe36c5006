import { Engine } from "../lib/engine/engine.ts";
import { formatBytes } from "./ui/format.ts";
import { Progress } from "./ui/progress.ts";

/** Load what the flags name, with a progress line when it takes long. */
export async function openEngine(
  { model, device, threads }: { model: string; device: string; threads: number },
  signal: AbortSignal,
): Promise<Engine> {
  using progress = new Progress("load", (rate) => `${formatBytes(rate)}/s`);
  return await Engine.open({
    model,
    device,
    threads,
    signal,
    onProgress: (done, total) => progress.update(done, total),
  });
}
