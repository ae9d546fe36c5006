import assert from "node:assert/strict";
import { integer, list, number } from "../../cli/options.ts";
import { recipeFrom, recipesFrom } from "../../cli/recipe.ts";
import { parseBudget } from "../../lib/methods/budget_spec.ts";
import { UsageError } from "../../lib/error.ts";

const refused = (read: () => unknown, message: string) => assert.throws(read, new UsageError(message));

Deno.test("integer() reads whole numbers in its range", () => {
  const read = integer("--threads", { min: 1, max: 64 });
  assert.deepEqual(["1", "64", "007"].map(read), [1, 64, 7]);
});

for (const text of ["0", "65", "2k", "1.5", "", " 3", "-1", "NaN", "1e2", "0x10", "99999999999999999999"]) {
  Deno.test(`integer() refuses "${text}" and says what it wants`, () => {
    refused(
      () => integer("--threads", { min: 1, max: 64 })(text),
      `Cannot use --threads as it must be an integer between 1 and 64: current value is "${text}"`,
    );
  });
}

Deno.test("integer() without an upper limit only names the lower one", () => {
  refused(
    () => integer("--new-tokens", { min: 1 })("0"),
    'Cannot use --new-tokens as it must be an integer >= 1: current value is "0"',
  );
});

Deno.test("integer() names the upper limit when a number is too large for the library", () => {
  refused(
    () => integer("--new-tokens", { min: 1 })("3000000000"),
    'Cannot use --new-tokens as it must be an integer between 1 and 2147483647: current value is "3000000000"',
  );
});

Deno.test("number() reads decimals and exponents", () => {
  assert.deepEqual(["0.7", ".5", "1.", "2e-3"].map(number("--temperature")), [0.7, 0.5, 1, 0.002]);
});

for (const text of ["hot", "1,5", "Infinity", "-0.1", "1.5"]) {
  Deno.test(`number() refuses "${text}" as a share`, () => {
    refused(
      () => number("--top-p", { max: 1 })(text),
      `Cannot use --top-p as it must be a number between 0 and 1: current value is "${text}"`,
    );
  });
}

Deno.test("list() reads values between commas", () => {
  assert.deepEqual(list("--context", integer("--context"))("512, 2048"), [512, 2048]);
});

Deno.test("list() refuses an empty value", () => {
  refused(
    () => list("--context", integer("--context"))("512,,2048"),
    'Cannot use --context as it must be a list such as 1,2: current value is "512,,2048"',
  );
});

Deno.test("recipeFrom() prefers a ratio that was given to the default budget", async () => {
  const flags = { method: "rocketkv", budget: "256", ratio: "16x", set: ["top_k=64"], methodFile: [] };
  const recipe = await recipeFrom(flags);
  assert.deepEqual(recipe.budget, { kind: "ratio", ratio: 16 });
  assert.deepEqual(recipe.set, { top_k: 64 });
});

Deno.test("recipesFrom() gives every method every budget, and the settings that it knows", async () => {
  const recipes = await recipesFrom({
    method: ["full", "hsa", "adakv(snapkv)"],
    budget: ["256", "512"].map(parseBudget),
    set: ["top_k=64", "window=16", "dense_layers=1"],
    methodFile: [],
  });
  assert.deepEqual(
    recipes.map(({ method, budget, set }) => [method.name, budget.kind === "tokens" && budget.tokens, set]),
    [
      ["full", 256, { dense_layers: 1 }],
      ["hsa", 256, { top_k: 64, dense_layers: 1 }],
      ["hsa", 512, { top_k: 64, dense_layers: 1 }],
      ["adakv(snapkv)", 256, { window: 16, dense_layers: 1 }],
      ["adakv(snapkv)", 512, { window: 16, dense_layers: 1 }],
    ],
  );
});

Deno.test("recipesFrom() refuses a setting or file that none of the methods knows", async () => {
  const flags = { method: ["hsa", "snapkv"], budget: [parseBudget("256")], set: [], methodFile: [] };
  await assert.rejects(recipesFrom({ ...flags, set: ["split=1"] }), {
    name: "UsageError",
    message: /^Cannot use --set split=1: .*hsa, snapkv knows? /,
  });
  await assert.rejects(recipesFrom({ ...flags, methodFile: ["gates=x"] }), {
    name: "UsageError",
    message: "Cannot use --method-file gates: hsa, snapkv reads no files",
  });
});
