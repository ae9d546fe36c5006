/** What a run writes down, one JSON line each. A line is all that reports need: nothing is generated again for them. */
import type { Scoring } from "../../tasks/sample.ts";
import type { Scores } from "../../tasks/metrics/metric.ts";

/** One answer of one arm. It has no times: runs of the same cell, however they are sharded, give the same bytes. */
export interface Prediction {
  /** Sample and turn, counted from 0. */
  readonly sample: string;
  readonly turn: number;
  readonly subtask?: string;
  readonly group: string;
  readonly depth: number | null;
  /** First 12 hexadecimal digits of the SHA-256 of the prompt's token ids. */
  readonly prompt: string;
  /** Tokens in front of the answer, and how many of the sample's were cut away to make it fit. */
  readonly promptTokens: number;
  readonly truncatedTokens: number;
  /** Most tokens that the answer may have: they belong to the length that was asked for. */
  readonly maxNewTokens: number;
  /** As generated, without special tokens; and the ids. */
  readonly answer: string;
  readonly ids: readonly number[];
  readonly finish: "eos" | "length" | "stop" | "error";
  /** One line when there is no answer: `out of memory: ...`. Such a sample counts as missing, never as wrong. */
  readonly error?: string;
  readonly scoring: Scoring;
  readonly scores: Scores | null;
  /** Log probability of each token of the turn's expected text, where it has one. */
  readonly expectedLogprobs?: readonly number[];
  /** Tokens of the prompt's last 300 or so characters, for people. */
  readonly promptTail: string;
  /** Null where the cache cannot be seen: behind an endpoint. */
  readonly cache: CacheUse | null;
}

/** What an arm's cache took. Bytes of all layers. */
export interface CacheUse {
  /** As asked for, and as spent: tokens' worth of K and V that a decode step read per KV head, scoring included. */
  readonly tokenBudget: number;
  readonly measuredBudget: number;
  readonly storedBytes: number;
  readonly auxBytes: number;
  readonly readBytesPerStep: number;
  /** The same of the full cache at the same place. */
  readonly fullStoredBytes: number;
  readonly fullReadBytesPerStep: number;
  /** Tokens kept per layer and KV head, over all of them. */
  readonly kept: { readonly mean: number; readonly min: number; readonly max: number };
  /** Of each layer, as a mean over its KV heads; absent where all layers keep as many. */
  readonly keptByLayer?: readonly number[];
  /** Share of the tokens that the answer rests on which each layer kept, as a mean over its KV heads. */
  readonly goldKept?: readonly number[];
}

/** Times of the same answer, in a file of its own. Shared times are divided by the arms that shared them. */
export interface Timing {
  readonly sample: string;
  readonly turn: number;
  /** Of the prompt, and of this arm alone. */
  readonly prefillMs: number;
  readonly compressMs: number;
  readonly decodeMs: number;
  readonly ttftMs: number;
  /** Of the decode steps by stage. */
  readonly selectMs: number;
  readonly attendMs: number;
  readonly linearMs: number;
  readonly newTokens: number;
  /** Prefilled tokens that were not shared with a sample before, and arms that decoded together. */
  readonly prefilledTokens: number;
  readonly arms: number;
  readonly peakBytes: number;
  readonly host: string;
  readonly device: string;
  readonly startedAt: string;
}
