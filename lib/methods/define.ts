import { UsageError } from "../error.ts";
import { checkPlans } from "./check.ts";
import type { Method, Parameter, PlanInput } from "./method.ts";
import { COMMON } from "./parameters.ts";
import { DENSE_PATTERN } from "./pattern.ts";
import { DENSE, type LayerPlans, type Plan, planOfLayer } from "./plan.ts";
import { checkSettings } from "./settings.ts";

/** A method before it has what all methods share. */
export interface MethodRecipe extends Omit<Method, "plan"> {
  /** Default of the common parameter `dense_layers`. @default 0 */
  readonly denseLayers?: number;
  /** Look at everything that must fit even where the budget holds every token. @throws {UsageError} */
  check?(input: PlanInput): void;
  /** For a budget below prompt + new tokens. One plan holds for all layers. */
  plan(input: PlanInput): Plan | LayerPlans;
}

/**
 * Give a recipe what all methods share: the common parameters, checks of its settings and of its plans, and the rule
 * that a budget which holds every token there will ever be means the full cache, exactly.
 */
export function defineMethod({ check, denseLayers: denseByDefault = 0, ...recipe }: MethodRecipe): Method {
  const { name } = recipe;
  const parameters = [...recipe.parameters, ...common(denseByDefault)];
  const denseLayers = ({ set, nLayers }: PlanInput) => set["dense_layers"] ?? Math.min(denseByDefault, nLayers);
  const checked = (input: PlanInput) => {
    const { tokenBudget, set } = input;
    checkSettings({ name, parameters }, set);
    checkDenseLayers(input);
    if (!Number.isSafeInteger(tokenBudget) || tokenBudget < 1) {
      throw new UsageError(`Cannot plan ${name}: the token budget must be an integer >= 1: found ${tokenBudget}`);
    }
    check?.(input);
  };
  return {
    ...recipe,
    parameters,
    plan(input) {
      checked(input);
      if (input.tokenBudget >= input.promptTokens + input.newTokens) return [DENSE];
      const plan = recipe.plan(input);
      const plans = leaveDense("evict" in plan ? [plan] : plan, denseLayers(input), input.nLayers);
      checkPlans(name, plans, input);
      return plans;
    },
    ...(recipe.patterns && {
      patterns(input: PlanInput) {
        checked(input);
        return recipe.patterns!(input).map((heads, layer) => layer < denseLayers(input) ? [DENSE_PATTERN] : heads);
      },
    }),
  };
}

/** The parameters of all methods, with a method's own default for dense layers. */
function common(denseByDefault: number): readonly Parameter[] {
  if (denseByDefault === 0) return COMMON;
  return COMMON.map((p) => p.name === "dense_layers" ? { ...p, default: `${denseByDefault}` } : p);
}

function checkDenseLayers({ set, nLayers }: PlanInput): void {
  const count = set["dense_layers"] ?? 0;
  if (count <= nLayers) return;
  throw new UsageError(`Cannot use --set dense_layers=${count}: it must be <= the model's layers: found ${nLayers}`);
}

/** The first layers keep everything and attend to everything. */
function leaveDense(plans: LayerPlans, count: number, nLayers: number): LayerPlans {
  return count === 0 ? plans : forLayers(nLayers, (l) => l < count ? DENSE : planOfLayer(plans, l));
}

/** A plan for each layer. */
export function forLayers(nLayers: number, planOf: (layer: number) => Plan): LayerPlans {
  const [first, ...rest] = Array.from({ length: nLayers }, (_, layer) => planOf(layer));
  return [first!, ...rest];
}
