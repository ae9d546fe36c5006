/**
 * MInference: make the prefill sparse, every query head by a pattern of its own; decoding is left as it is
 * (arXiv:2407.02490). `minference+rocketkv` joins it with a method for decoding; alone it decodes with the full cache.
 *
 * A head attends to columns and diagonals that its last 64 queries find, to the first and the most recent tokens, or to
 * blocks of keys. A search over one long sample says which and how many: its file is read with `--method-file
 * patterns=<path>`. Heads without an entry take columns and diagonals.
 *
 * It saves work in prefill, so the token budget does not count for it.
 *
 * Where this differs from the official code, and why:
 * - the block of a query's own position is always attended in block patterns; officially it may be left out;
 * - fewer columns than 30 or diagonals than 50 become 30 and 50, as in its kernels.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { AT_LEAST_ONE } from "./parameters.ts";
import type { LayerPatterns, Pattern } from "./pattern.ts";
import { checkPatterns } from "./patterns_file.ts";
import { DENSE } from "./plan.ts";

const VERTICAL = 1000, SLASH = 6096;
const LEAST_VERTICAL = 30, LEAST_SLASH = 50;

export const minference: Method = defineMethod({
  name: "minference",
  summary: "prefill sparsely by patterns, decode with the full cache",
  paper: "MInference, NeurIPS 2024, arXiv:2407.02490",
  parameters: [
    {
      name: "vertical",
      unit: "tokens",
      help: "columns that a head without a pattern attends to",
      default: `${VERTICAL}`,
      ...AT_LEAST_ONE,
    },
    {
      name: "slash",
      unit: "tokens",
      help: "diagonals that a head without a pattern attends to",
      default: `${SLASH}`,
      ...AT_LEAST_ONE,
    },
  ],
  files: ["patterns"],
  check({ files, nLayers, nKvHeads, group }) {
    if (files?.patterns) checkPatterns(files.patterns, { nLayers, nHeads: nKvHeads * group });
  },
  plan: () => DENSE,
  patterns({ files, nLayers, nKvHeads, group, set }) {
    const usual: Pattern = {
      kind: "vertical_slash",
      first: set["vertical"] ?? VERTICAL,
      second: set["slash"] ?? SLASH,
    };
    return Array.from({ length: nLayers }, (_, layer): LayerPatterns => {
      const found = files?.patterns?.layers[layer];
      const heads = Array.from({ length: nKvHeads * group }, (_, head) => widened(found?.get(head) ?? usual));
      return [heads[0]!, ...heads.slice(1)];
    });
  },
});

/** The least that MInference's kernels take. */
function widened(pattern: Pattern): Pattern {
  if (pattern.kind !== "vertical_slash") return pattern;
  return {
    ...pattern,
    first: Math.max(pattern.first, LEAST_VERTICAL),
    second: Math.max(pattern.second, LEAST_SLASH),
  };
}
