/** A group of samples that is measured against the full cache, step by step. */
import type { Engine } from "../../engine/engine.ts";
import { type ArmResult as FidelityArm, measureFidelity, type PromptResult } from "../../fidelity/run.ts";
import { summarise } from "../../fidelity/summary.ts";
import { mean } from "../../statistics.ts";
import { assemble, type Prompt } from "../../tasks/prompt/assemble.ts";
import type { Planned } from "../../engine/recipe.ts";
import { decodeTail } from "../../methods/settings.ts";
import { cacheUse, type Kept, keptOf } from "./cache_use.ts";
import { memoryFailure } from "./memory_failure.ts";
import { recordsOf } from "./record.ts";
import type { TurnResult } from "./run_job.ts";
import type { UnitOptions } from "./run_unit.ts";
import { type SampleResult, tokeniseOf, type Unit } from "./unit.ts";

/** As `runUnit()`, for tasks that measure fidelity. Samples share nothing. */
export async function* runFidelity(
  engine: Engine,
  unit: Unit,
  { signal, onProgress = () => {} }: UnitOptions,
): AsyncGenerator<SampleResult> {
  const { task, moment, truncate, arms } = unit;
  const options = { tokenise: tokeniseOf(task, moment), history: "golden", truncate } as const;
  const samples = (await unit.group.make()).filter(({ key }) => !unit.done.has(key));
  const prompts = samples.map((sample) =>
    assemble(engine.text, sample, { ...options, contextLength: engine.config.contextLength })
  );
  for (const [s, sample] of samples.entries()) {
    engine.model.resetPeak();
    const startedAt = new Date().toISOString(), start = performance.now();
    const prompt = prompts[s]!;
    const progress = (done: number, total: number) => onProgress(s * total + done, samples.length * total);
    const found = await measure(engine, unit, prompt, signal, progress);
    const spentMs = (performance.now() - start) / arms.length;
    const prefilledTokens = prompt.head.length + prompt.turns[0]!.tail.length;
    const thread = { firstTurn: 0, prompt, turns: prompt.turns };
    const record = { engine, unit, sample, thread, startedAt };
    const answers = arms.flatMap((_, arm) => {
      const result = typeof found === "string" ? found : [found[arm]!];
      // Everything but the steps counts as prefill: it is done for all arms together.
      const prefillMs = typeof found === "string" ? 0 : Math.max(0, spentMs - found[arm]!.times.decodeMs);
      return recordsOf({ ...record, start: { prefillMs, shareMs: prefillMs, prefilledTokens } }, arm, result);
    });
    yield { sample: sample.key, answers };
  }
}

async function measure(
  engine: Engine,
  unit: Unit,
  prompt: Prompt,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<TurnResult[] | string> {
  const promptIds = [...prompt.head, ...prompt.turns[0]!.tail], steps = prompt.turns[0]!.newTokens;
  const recipes = unit.arms.map(({ recipe }) => recipe);
  const caches: { planned: Planned; kept: Kept }[] = [];
  let found: PromptResult;
  try {
    found = await measureFidelity(engine, {
      promptIds,
      recipes,
      steps,
      session: unit.session,
      signal,
      onProgress,
      onCache: (session, index, planned) => {
        if (index >= 0) caches[index] = { planned, kept: keptOf(engine, session, planned, prompt.gold) };
      },
    });
  } catch (error) {
    return memoryFailure(error);
  }
  const noiseKl = mean(found.noise.map(({ kl }) => kl));
  return found.arms.map((arm, i): TurnResult => {
    const promptTokens = promptIds.length - decodeTail(recipes[i]!.set, promptIds.length);
    return {
      promptIds,
      answer: { ids: [], text: "", finish: "length", expectedLogprobs: [] },
      cache: cacheUse(engine, arm.cost, { ...caches[i]!, promptTokens, session: unit.session }),
      times: timesOf(arm, found.arms.length),
      details: { ...measuresOf(arm), noiseKl, klSteps: arm.measures.map(({ kl }) => Number(kl.toPrecision(3))) },
    };
  });
}

function timesOf({ cost }: FidelityArm, arms: number): TurnResult["times"] {
  const { compressMs, selectMs, attendMs, linearMs, sampleMs } = cost;
  const decodeMs = selectMs + attendMs + linearMs + sampleMs;
  return { prefillMs: 0, compressMs, decodeMs, selectMs, attendMs, linearMs, arms };
}

/** Numbers of one prompt: see `FidelitySummary`. */
function measuresOf({ measures }: FidelityArm): Record<string, number> {
  const { kl, klP95, klMax, top1, top1Clear, top5, perplexity, perplexityFull, nllDifference, agreeingSteps } =
    summarise([
      measures,
    ]);
  const always = { kl, klP95, klMax, top1, top5, perplexity, perplexityFull, nllDifference, agreeingSteps };
  return top1Clear === null ? always : { ...always, top1Clear };
}
