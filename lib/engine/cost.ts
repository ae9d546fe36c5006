import { type KvFormat, rowBytes } from "../methods/kv_format.ts";
import type { ModelConfig } from "../model/types.ts";
import type { ModelUsage, SessionStats } from "../native/structs.ts";

const NS_PER_MS = 1e6;

/** What one session's decoding cost. Bytes per step are means over all steps; a step shared by n sessions counts 1/n. */
export interface Cost {
  readonly steps: number;
  readonly prefillMs: number;
  readonly compressMs: number;
  /** Time of all decode steps by stage. */
  readonly selectMs: number;
  readonly attendMs: number;
  readonly linearMs: number;
  readonly sampleMs: number;
  /** K and V that the session can reach at its end, and page bounds with index lists. */
  readonly kvBytes: number;
  readonly auxBytes: number;
  /** Most K and V bytes alive at once during prefill and compression. */
  readonly kvPeakBytes: number;
  /** Bytes per step: weights, what selection read, what attention read. */
  readonly weightReadBytes: number;
  readonly scoreReadBytes: number;
  readonly attendReadBytes: number;
  /**
   * Tokens' worth of unquantised K and V read per step and KV head, scoring included: the token budget as it was spent.
   */
  readonly measuredBudget: number;
}

/** @param format  How the session stores its cache. */
export function costOf(stats: SessionStats, usage: ModelUsage, config: ModelConfig, format: KvFormat): Cost {
  const steps = stats.n_steps;
  const perStep = (bytes: number) => steps === 0 ? 0 : bytes / steps;
  const scoreReadBytes = perStep(stats.total_score_read_bytes);
  const attendReadBytes = perStep(stats.total_attend_read_bytes);
  const tokenBytes = rowBytes(format, config.headDim) * config.nLayers * config.nKvHeads;
  return {
    steps,
    prefillMs: stats.prefill_ns / NS_PER_MS,
    compressMs: stats.compress_ns / NS_PER_MS,
    selectMs: stats.select_ns / NS_PER_MS,
    attendMs: stats.attend_ns / NS_PER_MS,
    linearMs: stats.linear_ns / NS_PER_MS,
    sampleMs: stats.sample_ns / NS_PER_MS,
    kvBytes: stats.kv_bytes,
    auxBytes: stats.aux_bytes,
    kvPeakBytes: stats.kv_peak_bytes,
    weightReadBytes: usage.decode_bytes,
    scoreReadBytes,
    attendReadBytes,
    measuredBudget: (scoreReadBytes + attendReadBytes) / tokenBytes,
  };
}

/** Bytes that one decode step had to read. */
export function bytesPerStep({ weightReadBytes, scoreReadBytes, attendReadBytes }: Cost): number {
  return weightReadBytes + scoreReadBytes + attendReadBytes;
}
