/** The methods of a grid with their budgets. */
import type { Recipe } from "../../engine/recipe.ts";
import { parseBudget, parseRatio } from "../../methods/budget_spec.ts";
import { readMethodFiles } from "../../methods/method_files.ts";
import { findMethod } from "../../methods/registry.ts";
import { checkSettings } from "../../methods/settings.ts";
import { hashFile } from "../../model/sha256.ts";
import type { Grid, GridMethod } from "./grid.ts";

/** A recipe, and what a cell says of it. */
export interface GridRecipe {
  readonly recipe: Recipe;
  /** Null for a method without a budget. */
  readonly budget: string | null;
  /** SHA-256 by kind. */
  readonly fileHashes: Readonly<Record<string, string>>;
}

/**
 * Every method with every budget; one that ignores budgets once.
 *
 * @throws {UsageError} for unknown methods and numbers they cannot have, {RunError} for files that cannot be read.
 */
export async function recipesOf({ methods, budgets }: Pick<Grid, "methods" | "budgets">): Promise<GridRecipe[]> {
  const all = await Promise.all(methods.map((method) => recipesOfMethod(method, budgets)));
  return all.flat();
}

async function recipesOfMethod(
  { name, set, files: paths }: GridMethod,
  budgets: readonly string[],
): Promise<GridRecipe[]> {
  const method = findMethod(name);
  checkSettings(method, set);
  const files = await readMethodFiles(method, Object.entries(paths).map(([kind, path]) => `${kind}=${path}`));
  const hashes = await Promise.all(
    Object.entries(paths).map(async ([kind, path]) => [kind, (await hashFile(path)).hex()] as const),
  );
  const fileHashes = Object.fromEntries(hashes);
  const recipe = (text: string): Recipe => ({
    method,
    budget: text.endsWith("x") ? parseRatio(text) : parseBudget(text),
    set,
    ...(Object.keys(files).length > 0 && { files }),
  });
  if (method.ignoresBudget) return [{ recipe: recipe("1"), budget: null, fileHashes }];
  return budgets.map((budget) => ({ recipe: recipe(budget), budget, fileHashes }));
}
