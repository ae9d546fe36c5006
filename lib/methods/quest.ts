/**
 * Quest as in RocketKV's comparison: keep everything, score pages by the bounds of their keys over all dims, attend to
 * the best tokens (arXiv:2406.10774; set up as in arXiv:2502.14051, appendix A.3).
 *
 * Where this differs from the official code, and why:
 * - the budget counts scoring: half pays for it, so the page size is the compression; officially pages have 16 tokens
 *   and the budget counts attended tokens only;
 * - one choice per KV head, from softmax weights averaged over the group; officially every query head chooses;
 * - the group's sign picks page max or min, so that one of the two is read per dim; `sign` = 1 takes Quest's upper
 *   bound per head at twice the reads;
 * - tokens are taken, not pages: at high compression a page holds more than the budget (`whole_pages` = 1 for pages
 *   that fit);
 * - no layer is left dense; officially the first two are (`dense_layers` = 2).
 */

import { compressionOf } from "./budget.ts";
import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";
import { pageStage } from "./stages.ts";
import { paging } from "./selection_parameters.ts";

export const quest: Method = defineMethod({
  name: "quest",
  summary: "keep everything, select by page bounds over all dims",
  paper: "Quest, ICML 2024, arXiv:2406.10774",
  parameters: paging({ pageSize: "ceil(compression)", queryDims: "head dim" }),
  plan(input) {
    const compression = compressionOf(input.tokenBudget, input.promptTokens + input.newTokens);
    return {
      ...DENSE,
      ...pageStage(input, compression, { pageSize: Math.ceil(compression), queryDims: input.headDim }),
    };
  },
});
