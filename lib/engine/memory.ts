/** Whether a device has the memory for what shall run on it: found out before a model is loaded. */
import { RunError } from "../error.ts";
import { auxBytes, planCost } from "../methods/cost.ts";
import { rowBytes } from "../methods/kv_format.ts";
import { DENSE, type LayerPlans, MAX_WINDOW } from "../methods/plan.ts";
import type { ModelConfig, ModelSource, TensorRef } from "../model/types.ts";
import type { Device } from "../native/library.ts";
import type { SessionOptions } from "../native/session.ts";
import { deviceName } from "./device.ts";
import { formatOf } from "./kv_options.ts";
import { formatSize } from "./size.ts";

/** What will run, as far as memory goes. */
export interface Workload {
  /** Tokens of the longest prompt, and most tokens that follow it. */
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly session?: SessionOptions | undefined;
  /** What is done to that prompt's cache: the plans of each run. */
  readonly plans: readonly LayerPlans[];
  /** The full cache stays beside each plan's, which works on a fork of it. @default false */
  readonly keepsPrompt?: boolean;
  /** Forks that are there at the same time. @default 1 */
  readonly together?: number;
  /** Full caches of the prompt that are there at the same time, with `keepsPrompt`. @default 1 */
  readonly prompts?: number;
}

/** Bytes that a workload needs on a device. */
export interface MemoryNeed {
  readonly weightBytes: number;
  /** Most K, V, page bounds and index lists alive at once. */
  readonly cacheBytes: number;
  /** Activations of the prefill. */
  readonly workBytes: number;
}

/** Tokens that go through a layer at a time, as the library has it. */
export const DEFAULT_CHUNK = 512;

/**
 * What a workload needs on a device.
 *
 * The CPU maps weights, and the system takes them out of memory as it likes; and a text may end long before the last
 * new token. So for the CPU only the cache of the prompt counts. For CUDA everything does.
 */
export function memoryNeed(source: ModelSource, workload: Workload, kind: Device["kind"]): MemoryNeed {
  if (kind === "cpu") {
    return { weightBytes: 0, cacheBytes: cacheBytes(source.config, { ...workload, newTokens: 0 }), workBytes: 0 };
  }
  return {
    weightBytes: cudaWeightBytes(source.tensors),
    cacheBytes: cacheBytes(source.config, workload),
    workBytes: workBytes(source.config, workload),
  };
}

/** @throws {RunError} when the device has less free than is needed; it names the numbers. */
export function checkMemory(source: ModelSource, workload: Workload, device: Device): void {
  const { weightBytes, cacheBytes, workBytes } = memoryNeed(source, workload, device.kind);
  const total = weightBytes + cacheBytes + workBytes;
  if (device.memoryTotal === 0 || total <= device.memoryFree) return; // 0: the system does not say
  const tokens = workload.promptTokens + (device.kind === "cpu" ? 0 : workload.newTokens);
  const parts = [`cache ${formatSize(cacheBytes)} for ${tokens} tokens`];
  if (device.kind === "cuda") {
    parts.unshift(`weights ${formatSize(weightBytes)}`);
    parts.push(`activations ${formatSize(workBytes)}`);
  }
  const smaller = "shorten the prompt, or lower the budget";
  const advice = device.kind === "cpu"
    ? smaller
    : weightBytes > device.memoryFree
    ? "take a smaller model, or pass --device cpu"
    : `${smaller}, or pass --device cpu`;
  throw new RunError(
    `Cannot load ${source.name} on ${deviceName(device)}: it needs ${formatSize(total)} (${parts.join(", ")}): ` +
      `free are ${formatSize(device.memoryFree)} of ${formatSize(device.memoryTotal)}: ${advice}`,
  );
}

function cacheBytes(config: ModelConfig, workload: Workload): number {
  const { promptTokens, newTokens, session, plans, keepsPrompt, together = 1, prompts = 1 } = workload;
  const format = formatOf(session);
  const row = rowBytes(format, config.headDim);
  const withPositions = (row + 4) / row; // every slot has its position beside K and V
  const cost = (plans: LayerPlans, newTokens: number) =>
    planCost(plans, { shape: config, promptTokens, newTokens, format });
  const alone = plans.map((plans) => {
    const own = cost(plans, newTokens);
    return Math.max(own.prefillPeakBytes * withPositions, own.kvBytes * withPositions + auxBytes(own));
  });
  if (!keepsPrompt) return Math.max(...alone);
  // A fork shares what it keeps whole and copies what it evicts from.
  const forks = plans.map((plans) => {
    const own = cost(plans, newTokens);
    const shares = plans.every((plan) => plan.evict === "none" || plan.keepHistory);
    return (own.kvBytes - (shares ? cost(plans, 0).kvBytes : 0)) * withPositions + auxBytes(own);
  });
  const most = forks.toSorted((a, b) => b - a).slice(0, together).reduce((a, b) => a + b, 0);
  return prompts * cost([DENSE], 0).kvBytes * withPositions + most;
}

/** The residual stream of the whole prompt, its RoPE table, the activations of one chunk, the queries that vote. */
function workBytes(config: ModelConfig, { promptTokens, session, keepsPrompt }: Workload): number {
  const { dim, hiddenDim, nHeads, nKvHeads, headDim, nLayers, vocabSize, rope } = config;
  const rows = Math.min(session?.chunkTokens || DEFAULT_CHUNK, promptTokens);
  const queryFloats = nHeads * headDim, keyFloats = nKvHeads * headDim;
  const prompt = promptTokens * (dim + rope.dims);
  const chunk = rows * 2 * (dim + queryFloats + keyFloats + hiddenDim);
  const queries = Math.min(promptTokens, MAX_WINDOW) * queryFloats * (keepsPrompt ? nLayers : 1);
  const votes = 3 * promptTokens * nKvHeads; // a score, and a key of 8 bytes to find the best
  const rounded = rows * (dim + hiddenDim) / 2; // bf16 input of projections
  return 4 * (prompt + chunk + queries + votes + rounded + vocabSize);
}

/** The driver's unit of device memory for all but small pieces. */
const CUDA_PAGE = 2 ** 21;

/**
 * Bytes of the weights on a CUDA device: matrices in their own format with rows padded to multiples of 4, vectors as
 * f32 (`cuda/gpu/weight_layout.h`). A tied LM head is the embedding.
 */
export function cudaWeightBytes(tensors: readonly TensorRef[]): number {
  const places = new Map(tensors.map((tensor) => [`${tensor.path}:${tensor.offset}`, tensor]));
  return places.values().reduce((sum, { rows, cols, bytes }) => {
    const stored = rows === 1 ? 4 * cols : bytes / rows * Math.ceil(rows / 4) * 4;
    return sum + (stored < CUDA_PAGE / 2 ? stored : Math.ceil(stored / CUDA_PAGE) * CUDA_PAGE);
  }, 0);
}
