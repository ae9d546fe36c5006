/**
 * CriticalKV: half of the places go by score, the other half by score times what the token's value adds to the layer's
 * output, the L1 norm of the value behind the output projection (arXiv:2502.03805). Wraps any method that evicts once by
 * scores; with Ada-KV around it or inside, budgets are dealt first and then filled this way.
 *
 * Where this differs from the official code, and why:
 * - scores that count the length of the value already do so no more, as its authors advise;
 * - what the first half took is left out of the second by a mask; officially by the largest number there is.
 */

import type { Wrapper } from "./method.ts";

export const criticalkv: Wrapper = {
  name: "criticalkv",
  summary: "fill part of the places by score and by what values add to the output",
  paper: "CriticalKV, arXiv:2502.03805",
  parameters: [
    {
      name: "critical",
      unit: "share",
      help: "places that go by score alone; the rest go by score times the norm of the projected value",
      default: "0.5",
      min: 0.01,
      max: 1,
      fractional: true,
    },
  ],
  inner: "snapkv",
  wrap: (plan, set) => ({ ...plan, critical: set["critical"] ?? 0.5, valueWeight: false }),
};
