/**
 * Ada-KV: KV heads that spread their attention keep more tokens, others fewer, at the same sum per layer
 * (arXiv:2407.11550). Wraps any method that evicts once by scores: a head gets as many places as it has tokens among the
 * layer's best, and `safeguard` of the even share in any case.
 *
 * Where this differs from the official code, and why:
 * - votes are summed where the official code takes means: the same order;
 * - of the pooling the wrapped method decides: `kernel` = 7 for the official width;
 * - `safeguard` is 0.2 as in its evaluation and recommended for grouped-query attention; its library's is 0.5;
 * - `deal` = 1 is the rule of KVPress: every head's own best are safe, and the sum is met exactly.
 */

import type { Wrapper } from "./method.ts";
import { kind } from "./parameters.ts";

export const adakv: Wrapper = {
  name: "adakv",
  summary: "deal the places of a layer to the KV heads by their scores",
  paper: "Ada-KV, NeurIPS 2025, arXiv:2407.11550",
  parameters: [
    {
      name: "safeguard",
      unit: "share",
      help: "of an even share, what every KV head gets in any case",
      default: "0.2",
      min: 0,
      max: 1,
      fractional: true,
    },
    {
      name: "deal",
      help:
        "0 = by counting the layer's best (Ada-KV), 1 = every head's best are safe, then the layer's best (KVPress)",
      default: "0",
      ...kind("count", "safe"),
    },
  ],
  inner: "snapkv",
  wrap: (plan, set) => ({
    ...plan,
    alloc: set["deal"] === 1 ? "ada_safe" : "ada",
    safeguard: set["safeguard"] ?? 0.2,
  }),
};
