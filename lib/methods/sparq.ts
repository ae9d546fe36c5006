/**
 * SparQ attention as in RocketKV's comparison: keep everything, score every token over the few dims where the query is
 * largest, attend to the best (arXiv:2312.04985; set up as in arXiv:2502.14051, appendix A.3).
 *
 * Where this differs from the official code, and why:
 * - half of the budget pays for scoring, so head dim / compression dims are read, at least one; at a compression above
 *   the head dim even that one dim costs more than half of the budget;
 * - one choice per KV head from softmax weights averaged over the group; officially the sum of scores (`rank` = 1);
 * - no correction by the mean value, and no recent tokens forced in (`pin_recent` does that).
 */

import { compressionOf } from "./budget.ts";
import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";
import { pageStage } from "./stages.ts";
import { paging } from "./selection_parameters.ts";

export const sparq: Method = defineMethod({
  name: "sparq",
  summary: "keep everything, select single tokens over few dims",
  paper: "SparQ, ICML 2024, arXiv:2312.04985",
  parameters: paging({ pageSize: "1", queryDims: "floor(head dim / compression), at least 1" }),
  plan(input) {
    const compression = compressionOf(input.tokenBudget, input.promptTokens + input.newTokens);
    return { ...DENSE, ...pageStage(input, compression, { pageSize: 1 }) };
  },
});
