import { UsageError } from "../error.ts";
import { checkPlan } from "./check.ts";
import type { Method, PlanInput } from "./method.ts";
import { COMMON } from "./parameters.ts";
import { DENSE, type Plan } from "./plan.ts";
import { checkSettings } from "./settings.ts";

/**
 * Give a recipe what all methods share: the common parameters, checks of its settings and of its plan, and the rule that
 * a budget which holds every token there will ever be means the full cache, exactly.
 *
 * @param recipe  A method whose `plan()` may take a budget below prompt + new tokens for granted.
 */
export function defineMethod(recipe: Method): Method {
  const parameters = [...recipe.parameters, ...COMMON];
  return {
    ...recipe,
    parameters,
    plan(input: PlanInput): Plan {
      const { tokenBudget, promptTokens, newTokens, set } = input;
      checkSettings({ name: recipe.name, parameters }, set);
      if (!Number.isSafeInteger(tokenBudget) || tokenBudget < 1) {
        throw new UsageError(
          `Cannot plan ${recipe.name}: the token budget must be an integer >= 1: found ${tokenBudget}`,
        );
      }
      if (tokenBudget >= promptTokens + newTokens) return DENSE;
      const plan = { ...recipe.plan(input), denseLayers: set["dense_layers"] ?? 0 };
      checkPlan(recipe.name, plan, input);
      return plan;
    },
  };
}
