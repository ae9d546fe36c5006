import type { LayerPatterns } from "../methods/pattern.ts";
import type { ProgressListener } from "../native/progress.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import type { Engine } from "./engine.ts";

export interface PrefillOptions {
  readonly session: SessionOptions;
  /** Of a sparse prefill: what each query head of each layer attends to. */
  readonly patterns?: readonly LayerPatterns[] | undefined;
  readonly signal: AbortSignal;
  /** Counts tokens x layers. */
  readonly onProgress?: ProgressListener;
}

/** The full cache of a prompt, to be forked. The caller frees the session; one that fails frees itself. */
export async function prefilled(
  engine: Engine,
  ids: readonly number[],
  { session: options, ...prefill }: PrefillOptions,
): Promise<NativeSession> {
  const session = NativeSession.create(engine.model, options);
  try {
    await session.prefill(ids, prefill);
    return session;
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}
