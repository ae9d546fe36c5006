import assert from "node:assert/strict";
import { prefixTree } from "../../lib/sweep/run/prefix_tree.ts";

/** Letters as tokens; all of a prompt may be shared. */
const beginnings = (texts: readonly string[], own = 0) =>
  texts.map((text) => ({ ids: [...text].map((letter) => letter.charCodeAt(0)), limit: text.length - own }));

Deno.test("prefixTree() finds what prompts share, in whole grains", () => {
  const tree = prefixTree(beginnings(["aabbccdd", "aabbccee", "aabbxxyy", "zzzzzzzz"]), 2);
  assert.deepEqual(tree, {
    cached: 0,
    prompts: [0, 1, 2, 3],
    branches: [
      { cached: 4, prompts: [0, 1, 2], branches: [{ cached: 6, prompts: [0, 1], branches: [0, 1] }, 2] },
      3,
    ],
  });
  assert.deepEqual(prefixTree(beginnings(["aabbccdd", "aabbccee"]), 4).branches, [
    { cached: 4, prompts: [0, 1], branches: [0, 1] },
  ]);
});

Deno.test("prefixTree() leaves every prompt the tokens that are its own", () => {
  assert.deepEqual(prefixTree(beginnings(["aabbccdd", "aabbccdd"], 3), 2).branches, [
    { cached: 4, prompts: [0, 1], branches: [0, 1] },
  ]);
  assert.deepEqual(prefixTree(beginnings(["aab", "aab"], 5), 2).branches, [0, 1]);
  assert.deepEqual(prefixTree(beginnings(["aabbcc"]), 2).branches, [0]);
  assert.deepEqual(prefixTree([], 2), { cached: 0, prompts: [], branches: [] });
});

Deno.test("prefixTree() counts branches in the order of their first prompts", () => {
  const tree = prefixTree(beginnings(["xxaa", "yyaa", "xxbb", "zz", "yybb"]), 2);
  assert.deepEqual(tree.branches, [
    { cached: 2, prompts: [0, 2], branches: [0, 2] },
    { cached: 2, prompts: [1, 4], branches: [1, 4] },
    3,
  ]);
});
