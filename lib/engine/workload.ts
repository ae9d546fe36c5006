/** What the commands run, as far as memory goes: known before a model is loaded. */
import { decodeTail } from "../methods/settings.ts";
import type { ModelConfig } from "../model/types.ts";
import type { SessionOptions } from "../native/session.ts";
import { BATCH } from "./arms.ts";
import type { BenchmarkRequest } from "./benchmark.ts";
import { formatOf } from "./kv_options.ts";
import type { Workload } from "./memory.ts";
import { planFor, type Recipe } from "./recipe.ts";

interface OneSequence {
  readonly recipe: Recipe;
  readonly newTokens: number;
  readonly session?: SessionOptions;
}

/** One prompt and its continuation, as `generate()` runs them. */
export function generateWorkload(config: ModelConfig, length: number, request: OneSequence): Workload {
  const tail = decodeTail(request.recipe.set, length);
  const promptTokens = length - tail, newTokens = request.newTokens + tail;
  const { plans } = planFor(request.recipe, config, promptTokens, newTokens, formatOf(request.session));
  return { promptTokens, newTokens, plans: [plans], session: request.session };
}

/** A conversation before its first message: room for one answer. */
export function chatWorkload(config: ModelConfig, request: OneSequence): Workload {
  return generateWorkload(config, 1, { ...request, recipe: { ...request.recipe, set: {} } });
}

/** The longest prompt of a benchmark, its full cache, and a fork with each plan in turn. */
export function benchmarkWorkload(
  config: ModelConfig,
  { contexts, recipes, steps, session }: Pick<BenchmarkRequest, "contexts" | "recipes" | "steps" | "session">,
): Workload {
  return { ...forksWorkload(config, Math.max(...contexts), { recipes, steps, session }), together: 1 };
}

/** One prompt, its full cache, and forks of it that decode in batches. */
export function forksWorkload(
  config: ModelConfig,
  promptTokens: number,
  { recipes, steps, session }: { recipes: readonly Recipe[]; steps: number; session: SessionOptions },
): Workload {
  const format = formatOf(session);
  const plans = recipes.map((recipe) => planFor(recipe, config, promptTokens, steps, format).plans);
  return { promptTokens, newTokens: steps, plans, keepsPrompt: true, together: BATCH, session };
}

/**
 * A unit of a sweep on its longest prompt. What samples share stays cached while an arm with a sparse prefill needs one of its
 * own.
 */
export function unitWorkload(
  config: ModelConfig,
  { promptTokens, arms, newTokens, session }: {
    promptTokens: number;
    arms: readonly { readonly recipe: Recipe }[];
    newTokens: number;
    session: SessionOptions;
  },
): Workload {
  const recipes = arms.map(({ recipe }) => recipe);
  const sparse = recipes.some(({ method }) => method.patterns !== undefined);
  const workload = forksWorkload(config, promptTokens, { recipes, steps: newTokens, session });
  return { ...workload, prompts: sparse ? 2 : 1 };
}
