/** What the commands run, as far as memory goes: known before a model is loaded. */
import { decodeTail } from "../methods/settings.ts";
import type { ModelConfig } from "../model/types.ts";
import type { SessionOptions } from "../native/session.ts";
import type { BenchmarkRequest } from "./benchmark.ts";
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
  const { plan } = planFor(request.recipe, config, promptTokens, newTokens);
  return { promptTokens, newTokens, plans: [plan], session: request.session };
}

/** A conversation before its first message: room for one answer. */
export function chatWorkload(config: ModelConfig, request: OneSequence): Workload {
  return generateWorkload(config, 1, { ...request, recipe: { ...request.recipe, set: {} } });
}

/** The longest prompt of a benchmark, its full cache, and a fork with each plan in turn. */
export function benchmarkWorkload(
  config: ModelConfig,
  { contexts, methods, budgets, steps, session }: Pick<
    BenchmarkRequest,
    "contexts" | "methods" | "budgets" | "steps" | "session"
  >,
): Workload {
  const promptTokens = Math.max(...contexts);
  const plans = methods.flatMap((method) =>
    budgets.map((budget) => planFor({ method, budget, set: {} }, config, promptTokens, steps).plan)
  );
  return { promptTokens, newTokens: steps, plans, keepsPrompt: true, session };
}
