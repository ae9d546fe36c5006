/**
 * Oracle top-k, per group: attend to the tokens with the largest attention weight on average over the query heads that
 * share a KV head. The ceiling of every method that makes one choice per KV head (RocketKV, HSA, Quest, SparQ here); the
 * true weights are ranked as SparQ's sparse-softmax baseline does (arXiv:2312.04985). Scoring is not charged.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { planOracle } from "./oracle.ts";
import { exact } from "./selection_parameters.ts";

export const oracleGroup: Method = defineMethod({
  name: "oracle-group",
  summary: "attend to the true top-k of every KV head: ceiling of one choice per group",
  paper: "Sparse-softmax baseline of SparQ, ICML 2024, arXiv:2312.04985",
  parameters: exact(),
  plan: (input) => planOracle(input, "softmax_mean"),
});
