import { UsageError } from "../error.ts";
import { checkPlans } from "./check.ts";
import type { Method, PlanInput } from "./method.ts";
import { COMMON } from "./parameters.ts";
import { DENSE, type LayerPlans, type Plan, planOfLayer } from "./plan.ts";
import { checkSettings } from "./settings.ts";

/** A method before it has what all methods share. Its `plan()` may give one plan, which then holds for all layers. */
export type MethodRecipe = Omit<Method, "plan"> & { plan(input: PlanInput): Plan | LayerPlans };

/**
 * Give a recipe what all methods share: the common parameters, checks of its settings and of its plans, and the rule
 * that a budget which holds every token there will ever be means the full cache, exactly.
 *
 * @param recipe  A method whose `plan()` may take a budget below prompt + new tokens for granted.
 */
export function defineMethod(recipe: MethodRecipe): Method {
  const parameters = [...recipe.parameters, ...COMMON];
  return {
    ...recipe,
    parameters,
    plan(input: PlanInput): LayerPlans {
      const { tokenBudget, promptTokens, newTokens, nLayers, set } = input;
      checkSettings({ name: recipe.name, parameters }, set);
      if (!Number.isSafeInteger(tokenBudget) || tokenBudget < 1) {
        throw new UsageError(
          `Cannot plan ${recipe.name}: the token budget must be an integer >= 1: found ${tokenBudget}`,
        );
      }
      if (tokenBudget >= promptTokens + newTokens) return [DENSE];
      const plans = leaveDense(layerPlans(recipe.plan(input)), set["dense_layers"] ?? 0, nLayers);
      checkPlans(recipe.name, plans, input);
      return plans;
    },
  };
}

function layerPlans(plan: Plan | LayerPlans): LayerPlans {
  return "evict" in plan ? [plan] : plan;
}

/** The first `count` layers keep everything and attend to everything. */
function leaveDense(plans: LayerPlans, count: number, nLayers: number): LayerPlans {
  if (count > nLayers) {
    throw new UsageError(
      `Cannot use --set dense_layers=${count}: it must be <= the model's layers: found ${nLayers}`,
    );
  }
  if (count === 0) return plans;
  const [first, ...rest] = Array.from({ length: nLayers }, (_, l) => l < count ? DENSE : planOfLayer(plans, l));
  return [first!, ...rest];
}
