import type { BudgetSpec } from "../methods/budget_spec.ts";
import type { Method } from "../methods/method.ts";
import type { LayerPlans } from "../methods/plan.ts";
import type { NativeSession, SessionOptions } from "../native/session.ts";
import type { Engine } from "./engine.ts";
import { formatOf } from "./kv_options.ts";
import { type DecodeSample, measureDecode, measurementIds, measurePrefill, median } from "./measure.ts";
import { planFor } from "./recipe.ts";

export interface BenchmarkRequest {
  /** Prompt lengths in tokens. */
  readonly contexts: readonly number[];
  readonly methods: readonly Method[];
  readonly budgets: readonly BudgetSpec[];
  /** Decode steps of one measurement. */
  readonly steps: number;
  readonly repeat: number;
  readonly repeatPrefill: number;
  /** Token ids to fill prompts with; none for pseudo-random ones. */
  readonly text: readonly number[];
  readonly session: SessionOptions;
  readonly signal: AbortSignal;
  /** Measurements that are done. */
  readonly onProgress: (done: number, total: number) => void;
}

/** One line of a benchmark: medians over its repetitions. 1 GB is 1e9 bytes. */
export interface Measurement {
  readonly kind: "prefill" | "decode";
  readonly context: number;
  readonly method: string;
  /** Null where the method does not have one. */
  readonly budget: number | null;
  readonly threads: number;
  readonly repetitions: number;
  readonly tokensPerSecond: number;
  /** The whole prefill, or one decode step. */
  readonly ms: number;
  readonly compressMs: number | null;
  readonly kvBytes: number | null;
  /** Weights, scoring and attention; decode only. */
  readonly bytesPerStep: number | null;
  readonly gbPerS: number | null;
  /** Read bandwidth of the device with as many threads, measured just before. */
  readonly bandwidthGbPerS: number;
  readonly bandwidthShare: number | null;
}

/** Plans to measure. */
interface Arm {
  readonly method: string;
  readonly budget: number | null;
  readonly plans: LayerPlans;
  readonly samples: DecodeSample[];
}

/**
 * Measure prefill and decode. Every context is prefilled for all methods together: they work on forks, and take turns,
 * so that a slow moment of the machine meets all of them.
 */
export async function* benchmark(engine: Engine, request: BenchmarkRequest): AsyncGenerator<Measurement> {
  const { contexts, repeat, repeatPrefill, steps, signal, text } = request;
  const { threads } = engine.model.usage();
  const bandwidthGbPerS = await engine.model.lib.bandwidth(engine.device.index, { threads }) / 1e9;
  const shared = { threads, bandwidthGbPerS };
  const total = contexts.length * (repeatPrefill + repeat * arms(engine, request, contexts[0]!).length);
  let done = 0;
  const advance = () => request.onProgress(++done, total);

  for (const context of contexts) {
    const ids = measurementIds(context, engine.config.vocabSize, text);
    const stepIds = measurementIds(steps, engine.config.vocabSize, text);
    const times: number[] = [];
    let base: NativeSession | null = null;
    try {
      for (let i = 0; i < repeatPrefill; i++) {
        base?.[Symbol.dispose]();
        base = null;
        const sample = await measurePrefill(engine, ids, { session: request.session, signal });
        base = sample.session;
        times.push(sample.ms);
        advance();
      }
      yield { ...shared, ...prefillLine(context, times) };
      const measured = arms(engine, request, context);
      const format = formatOf(request.session);
      for (let i = 0; i < repeat; i++) {
        for (const { plans, samples } of measured) {
          samples.push(await measureDecode(engine, base!, plans, stepIds, { format, signal }));
          advance();
        }
      }
      for (const arm of measured) yield { ...shared, ...decodeLine(context, arm, bandwidthGbPerS) };
    } finally {
      base?.[Symbol.dispose]();
    }
  }
}

/** Every method with every budget; the full cache, which has no budget, only once. */
function arms(engine: Engine, { methods, budgets, steps }: BenchmarkRequest, context: number): Arm[] {
  return methods.flatMap((method) =>
    (method.name === "full" ? budgets.slice(0, 1) : budgets).map((budget) => {
      const { plans, tokenBudget } = planFor({ method, budget, set: {} }, engine.config, context, steps);
      return { method: method.name, budget: method.name === "full" ? null : tokenBudget, plans, samples: [] };
    })
  );
}

function prefillLine(context: number, times: readonly number[]) {
  const ms = median(times);
  return {
    kind: "prefill" as const,
    context,
    method: "full",
    budget: null,
    repetitions: times.length,
    tokensPerSecond: context / (ms / 1000),
    ms,
    compressMs: null,
    kvBytes: null,
    bytesPerStep: null,
    gbPerS: null,
    bandwidthShare: null,
  };
}

function decodeLine(context: number, { method, budget, samples }: Arm, bandwidthGbPerS: number) {
  const ms = median(samples.map(({ stepMs }) => stepMs));
  const { bytesPerStep, kvBytes } = samples[0]!; // the same in every repetition
  const gbPerS = bytesPerStep / ms / 1e6;
  return {
    kind: "decode" as const,
    context,
    method,
    budget,
    repetitions: samples.length,
    tokensPerSecond: 1000 / ms,
    ms,
    compressMs: median(samples.map(({ compressMs }) => compressMs)),
    kvBytes,
    bytesPerStep,
    gbPerS,
    bandwidthShare: gbPerS / bandwidthGbPerS,
  };
}
