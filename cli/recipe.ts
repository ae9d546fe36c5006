// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
/** The options that say how the cache is compressed, for one method or for several that are compared. */
import { Option } from "@commander-js/extra-typings";
import type { Recipe } from "../lib/engine/recipe.ts";
import { type BudgetSpec, parseBudget, parseRatio } from "../lib/methods/budget_spec.ts";
import { readMethodFiles } from "../lib/methods/method_files.ts";
import { findMethod, methods, wrappers } from "../lib/methods/registry.ts";
import { severalMethods } from "../lib/methods/several.ts";
import { parseSettings } from "../lib/methods/settings.ts";
import { list, repeated } from "./options.ts";

const KNOWN = `${methods.map(({ name }) => name).join(", ")}; wrapped as in ${
  wrappers.map(({ name, inner }) => `${name}(${inner})`).join(", ")
}; behind a sparse prefill as in minference+rocketkv`;

export const methodOption = (name: string) =>
  new Option("--method <name>", `how the cache is compressed: ${KNOWN}`).default(name, name);

export const methodsOption = (names: string) =>
  new Option("--method <names>", `how the cache is compressed, separated by commas: ${KNOWN}`)
    .default(names.split(","), names).argParser(list("--method", String));

export const budgetOption = (tokens: string) =>
  new Option("--budget <tokens>", "tokens that one step may read per KV head, scoring included").default(
    tokens,
    tokens,
  );

export const budgetsOption = (tokens: string) =>
  new Option("--budget <tokens>", "budgets, separated by commas: tokens that one step may read per KV head")
    .default(tokens.split(",").map(parseBudget), tokens).argParser(list("--budget", parseBudget));

export const ratioOption = () =>
  new Option("--ratio <factor>", "instead of --budget: prompt and new tokens divided by it, such as 16x").conflicts(
    "budget",
  );

export const setOption = () =>
  new Option("--set <name=value>", "override a number of the method (see the command methods); may be repeated")
    .default([] as string[], "none")
    .argParser(repeated);

export const methodFileOption = () =>
  new Option("--method-file <kind=path>", "what a method was trained or searched for: gates or patterns")
    .default([] as string[], "none")
    .argParser(repeated);

/** What the flags say about the cache. @throws {UsageError} for unknown names and impossible numbers. */
export async function recipeFrom(
  flags: {
    method: string;
    budget: string;
    ratio?: string | undefined;
    set: readonly string[];
    methodFile: readonly string[];
  },
): Promise<Recipe> {
  const budget = flags.ratio === undefined ? parseBudget(flags.budget) : parseRatio(flags.ratio);
  const [recipe] = await recipesFrom({ ...flags, method: [flags.method], budget: [budget] });
  return recipe!;
}

/**
 * Every method with every budget; the full cache, which has none, only once. A method takes the settings and files that
 * it knows, and every one of them must be known to a method.
 */
export async function recipesFrom(
  flags: {
    method: readonly string[];
    budget: readonly BudgetSpec[];
    set: readonly string[];
    methodFile: readonly string[];
  },
): Promise<Recipe[]> {
  const chosen = flags.method.map(findMethod);
  const all = severalMethods(chosen);
  const settings = parseSettings(all, flags.set);
  const files = await readMethodFiles(all, flags.methodFile);
  return chosen.flatMap((method) => {
    const known = Object.entries(settings).filter(([name]) => method.parameters.some((p) => p.name === name));
    const set = Object.fromEntries(known);
    const budgets = method.ignoresBudget ? flags.budget.slice(0, 1) : flags.budget;
    return budgets.map((budget) => ({ method, budget, set, files }));
  });
}
