import { type BudgetReport, budgetReport } from "../methods/budget_report.ts";
import { planCost } from "../methods/cost.ts";
import type { LayerPlans } from "../methods/plan.ts";
import { decodeTail } from "../methods/settings.ts";
import type { CompressReport } from "../native/plan.ts";
import type { ProgressListener } from "../native/progress.ts";
import { NativeSession, type SessionOptions } from "../native/session.ts";
import { type Answer, answer, type AnswerOptions } from "./answer.ts";
import { bytesPerStep, type Cost, costOf } from "./cost.ts";
import type { Engine } from "./engine.ts";
import { formatOf } from "./kv_options.ts";
import { checkContext } from "./prompt.ts";
import { planFor, type Recipe } from "./recipe.ts";

export interface GenerateRequest extends AnswerOptions {
  readonly promptIds: readonly number[];
  readonly recipe: Recipe;
  readonly session?: SessionOptions;
  /** Run prompts that are longer than what the model was made for. @default false */
  readonly allowLong?: boolean;
  /** Counts tokens x layers of the prefill. */
  readonly onPrefill?: ProgressListener;
}

/** One generation and what it cost. Times in milliseconds; loading and tokenising are not in them. */
export interface GenerateRecord {
  readonly method: string;
  readonly tokenBudget: number;
  /** Whether the plans meet it; what was spent is `cost.measuredBudget`. */
  readonly budget: BudgetReport;
  /** One for all layers, or one for each. */
  readonly plans: LayerPlans;
  readonly promptIds: readonly number[];
  readonly generatedIds: readonly number[];
  readonly text: string;
  readonly finishReason: Answer["finishReason"];
  /** From the start of the prefill to the first token. */
  readonly ttftMs: number;
  /** Mean of every later token; null when there was none. */
  readonly tpotMs: number | null;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number | null;
  /** Bytes that had to be read in a decode step ÷ its time, in 1e9 bytes a second. */
  readonly decodeGbPerS: number | null;
  readonly compression: CompressReport;
  readonly cost: Cost;
  readonly logprobs: Answer["logprobs"];
}

/**
 * Continue one prompt with a compressed cache.
 *
 * The last `decode_tail` prompt tokens, a setting of the recipe, are fed as decode steps: eviction cannot see them.
 *
 * @throws {RunError} for a prompt that does not fit the model.
 * @throws {DOMException} AbortError when the signal stopped the prefill.
 */
export async function generate(engine: Engine, request: GenerateRequest): Promise<GenerateRecord> {
  const { promptIds, recipe, newTokens, signal, onPrefill } = request;
  if (!request.allowLong) checkContext(promptIds.length, newTokens, engine.config.contextLength);
  const tail = decodeTail(recipe.set, promptIds.length);
  const split = promptIds.length - tail;
  const format = formatOf(request.session);
  const { plans, patterns, tokenBudget } = planFor(recipe, engine.config, split, newTokens + tail, format);
  using session = NativeSession.create(engine.model, request.session);

  const start = performance.now();
  const compression = await session.prefill(promptIds.slice(0, split), {
    plan: plans,
    patterns,
    ...(signal && { signal }),
    ...(onPrefill && { onProgress: onPrefill }),
  });
  for (const id of promptIds.slice(split)) {
    signal?.throwIfAborted();
    await NativeSession.decode([session], [id]);
  }
  const prefillMs = performance.now() - start;
  const { ids, text, finishReason, firstMs, totalMs, logprobs } = await answer(session, engine.text.tokenizer, request);

  const cost = costOf(session.stats(), engine.model.usage(), engine.config, format);
  const expected = { shape: engine.config, promptTokens: split, newTokens: newTokens + tail, format };
  const tpotMs = ids.length > 1 ? (totalMs - firstMs) / (ids.length - 1) : null;
  return {
    method: recipe.method.name,
    tokenBudget,
    budget: budgetReport(recipe.method, tokenBudget, planCost(plans, expected), expected),
    plans,
    promptIds,
    generatedIds: ids,
    text,
    finishReason,
    ttftMs: prefillMs + firstMs,
    tpotMs,
    prefillTokensPerSecond: promptIds.length / (prefillMs / 1000),
    decodeTokensPerSecond: tpotMs && 1000 / tpotMs,
    decodeGbPerS: tpotMs && bytesPerStep(cost) / tpotMs / 1e6,
    compression: compression!,
    cost,
    logprobs,
  };
}
