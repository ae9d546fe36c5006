import type { Bytes } from "./struct.ts";
import { PROGRESS } from "./structs.ts";

/** Called now and then while a call runs, and once at its end. Units depend on the call. */
export type ProgressListener = (done: number, total: number) => void;

const POLL_MS = 100;

/**
 * Run a native call with its `rkv_progress` block: an aborted signal sets the cancel word, a timer reads the counters.
 * The library stops at its next chunk, and the call then fails with an AbortError.
 */
export async function withProgress<T>(
  call: (progress: Bytes) => Promise<T>,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ProgressListener | undefined },
): Promise<T> {
  signal?.throwIfAborted();
  const block = PROGRESS.alloc();
  // The library uses these words as atomics from its own threads.
  const cancel = new Int32Array(block.buffer, PROGRESS.offsets.cancel, 1);
  const counters = new BigInt64Array(block.buffer, PROGRESS.offsets.done, 2);
  const report = () => onProgress?.(Number(Atomics.load(counters, 0)), Number(Atomics.load(counters, 1)));
  const stop = () => Atomics.store(cancel, 0, 1);
  const timer = onProgress && setInterval(report, POLL_MS);
  signal?.addEventListener("abort", stop);
  try {
    const result = await call(block);
    report();
    return result;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", stop);
  }
}
