import { observationsFor } from "../methods/observe.ts";
import type { NativeSession, SessionOptions } from "../native/session.ts";
import type { Engine } from "./engine.ts";
import { formatOf } from "./kv_options.ts";
import { type DecodeSample, measureDecode, measurementIds, measurePrefill } from "./measure.ts";
import { prefilled } from "./prefilled.ts";
import { median } from "../statistics.ts";
import { planFor, type Planned, type Recipe } from "./recipe.ts";

export interface BenchmarkRequest {
  /** Prompt lengths in tokens. */
  readonly contexts: readonly number[];
  /** Methods with their budgets. */
  readonly recipes: readonly Recipe[];
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
  readonly planned: Planned;
  readonly samples: DecodeSample[];
}

/** Arms that can start from the same prefill. */
interface Group {
  /** Method that makes the prefill what it is. */
  readonly prefill: string;
  readonly arms: readonly Arm[];
}

/**
 * Measure prefill and decode. Every context is prefilled for all methods together, apart from those that make the prefill
 * sparse: methods work on forks, and take turns, so that a slow moment of the machine meets all of them.
 */
export async function* benchmark(engine: Engine, request: BenchmarkRequest): AsyncGenerator<Measurement> {
  const { contexts, recipes, repeat, repeatPrefill, steps, signal, text } = request;
  const { threads } = engine.model.usage();
  const bandwidthGbPerS = await engine.model.lib.bandwidth(engine.device.index, { threads }) / 1e9;
  const shared = { threads, bandwidthGbPerS };
  const perContext = groups(engine, request, contexts[0]!).length * repeatPrefill + recipes.length * repeat;
  let done = 0;
  const advance = () => request.onProgress(++done, contexts.length * perContext);

  for (const context of contexts) {
    const ids = measurementIds(context, engine.config.vocabSize, text);
    const stepIds = measurementIds(steps, engine.config.vocabSize, text);
    for (const { prefill, arms } of groups(engine, request, context)) {
      const { patterns } = arms[0]!.planned;
      const options = { session: request.session, patterns, signal };
      const times: number[] = [];
      let base: NativeSession | null = null;
      try {
        for (let i = 0; i < repeatPrefill; i++) {
          base?.[Symbol.dispose]();
          base = null;
          const sample = await measurePrefill(engine, ids, options);
          base = sample.session;
          times.push(sample.ms);
          advance();
        }
        yield { ...shared, ...prefillLine(context, prefill, times) };
        const observe = observationsFor(arms.map(({ planned }) => planned.plans));
        if (observe.length > 0) {
          // Observing costs prefill time that the other methods do not need, so it is not in the times above.
          base![Symbol.dispose]();
          base = null;
          base = await prefilled(engine, ids, { ...options, session: { ...request.session, observe } });
        }
        const format = formatOf(request.session);
        for (let i = 0; i < repeat; i++) {
          for (const { planned, samples } of arms) {
            samples.push(await measureDecode(engine, base!, planned.plans, stepIds, { format, signal }));
            advance();
          }
        }
        for (const arm of arms) yield { ...shared, ...decodeLine(context, arm, bandwidthGbPerS) };
      } finally {
        base?.[Symbol.dispose]();
      }
    }
  }
}

/** The methods that share the dense prefill, then those that prefill sparsely, each by itself. */
function groups(engine: Engine, { recipes, session, steps }: BenchmarkRequest, context: number): Group[] {
  const arms = recipes.map((recipe): Arm => {
    const planned = planFor(recipe, engine.config, context, steps, formatOf(session));
    const { name, ignoresBudget } = recipe.method;
    return { method: name, budget: ignoresBudget ? null : planned.tokenBudget, planned, samples: [] };
  });
  const byPrefill = Map.groupBy(arms, ({ method, planned }) => planned.patterns ? method : "full");
  return [...byPrefill].map(([prefill, arms]) => ({ prefill, arms }));
}

function prefillLine(context: number, method: string, times: readonly number[]) {
  const ms = median(times);
  return {
    kind: "prefill" as const,
    context,
    method,
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
