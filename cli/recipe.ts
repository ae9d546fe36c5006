// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
import { Option } from "@commander-js/extra-typings";
import type { Recipe } from "../lib/engine/recipe.ts";
import { parseBudget, parseRatio } from "../lib/methods/budget_spec.ts";
import { findMethod, methods } from "../lib/methods/registry.ts";
import { parseSettings } from "../lib/methods/settings.ts";
import { repeated } from "./options.ts";

export const methodOption = (name: string) =>
  new Option("--method <name>", `how the cache is compressed: ${methods.map(({ name }) => name).join(", ")}`).default(
    name,
    name,
  );

export const budgetOption = (tokens: string) =>
  new Option("--budget <tokens>", "tokens that one step may read per KV head, scoring included").default(
    tokens,
    tokens,
  );

export const ratioOption = () =>
  new Option("--ratio <factor>", "instead of --budget: prompt and new tokens divided by it, such as 16x").conflicts(
    "budget",
  );

export const setOption = () =>
  new Option("--set <name=value>", "override a number of the method (see the command methods); may be repeated")
    .default([] as string[], "none")
    .argParser(repeated);

/** What the flags say about the cache. @throws {UsageError} for unknown names and impossible numbers. */
export function recipeFrom(
  flags: { method: string; budget: string; ratio?: string | undefined; set: readonly string[] },
): Recipe {
  const method = findMethod(flags.method);
  return {
    method,
    budget: flags.ratio === undefined ? parseBudget(flags.budget) : parseRatio(flags.ratio),
    set: parseSettings(method, flags.set),
  };
}
