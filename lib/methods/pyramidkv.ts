/**
 * PyramidKV: SnapKV with more tokens for low layers, which spread their attention, and fewer for high ones, which
 * gather it; the mean over layers is the budget (arXiv:2406.02069).
 *
 * Where this differs from the official code, and why:
 * - one choice per KV head, votes summed over the group; officially one per query head, at G times the storage;
 * - the official totals are a little above the mean, because the step between layers is rounded down: what is too much
 *   is taken from layer 0, or evenly where layer 0 would fall below layer 1;
 * - window and pool are those of its LongBench runs (8 queries, max pool of 7); the library's are 64 queries, average
 *   pool of 5.
 */

import { defineMethod, forLayers } from "./define.ts";
import type { Method } from "./method.ts";
import { GROUP_RULE, voting } from "./parameters.ts";
import { evictIfNeeded, voteStage } from "./stages.ts";

const WINDOW = 8, KERNEL = 7, BETA = 20;

/**
 * Tokens that each layer keeps of what lies before the window, `nLayers * base` in all.
 *
 * @param base    Mean of the layers.
 * @param prefix  Prompt tokens before the window, more than `base`.
 * @param beta    The last layer keeps base / beta.
 */
export function pyramid(base: number, prefix: number, nLayers: number, beta = BETA): number[] {
  if (nLayers === 1) return [base];
  let low = Math.floor(base / beta);
  let high = 2 * base - low;
  if (high >= prefix) [high, low] = [prefix, 2 * base - prefix];
  const step = Math.floor((high - low) / (nLayers - 1));
  const layers = Array.from({ length: nLayers }, (_, layer) => high - layer * step);
  const excess = layers.reduce((a, b) => a + b) - nLayers * base;
  if (excess <= step) return layers.with(0, high - excess);
  const [each, more] = [Math.floor(excess / nLayers), excess % nLayers];
  return layers.map((tokens, layer) => tokens - each - (layer < more ? 1 : 0));
}

export const pyramidkv: Method = defineMethod({
  name: "pyramidkv",
  summary: "snapkv that keeps more tokens in low layers and fewer in high ones",
  paper: "PyramidKV, arXiv:2406.02069",
  parameters: [
    ...voting({ promptBudget: "budget, mean of the layers", window: WINDOW, kernel: KERNEL }),
    GROUP_RULE,
    {
      name: "beta",
      unit: "ratio",
      help: "the last layer keeps 1/beta of the mean, the window apart",
      default: `${BETA}`,
      min: 1,
      max: 1e6,
      fractional: true,
    },
  ],
  scoresHeads: true,
  plan(input) {
    const { promptTokens, nLayers, tokenBudget, set } = input;
    const vote = voteStage(input, { promptBudget: tokenBudget, window: WINDOW, kernel: KERNEL });
    if (vote.keep >= promptTokens) return evictIfNeeded(vote, promptTokens);
    const base = vote.keep - vote.window;
    // Officially, too, short prompts are not shaped: their low layers would keep everything.
    const layers = promptTokens < 2 * base
      ? Array<number>(nLayers).fill(base)
      : pyramid(base, promptTokens - vote.window, nLayers, set["beta"]);
    return forLayers(nLayers, (l) => evictIfNeeded({ ...vote, keep: layers[l]! + vote.window }, promptTokens));
  },
});
