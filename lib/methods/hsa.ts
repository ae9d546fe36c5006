/**
 * Hybrid sparse attention alone, RocketKV's second stage: keep everything, and at every step attend to the tokens whose
 * pages promise the most over the query's strongest dims (arXiv:2502.14051, section 3.4).
 *
 * It joins Quest's page bounds with SparQ's choice of dims: scoring gets c times cheaper, sqrt(c) by pages and sqrt(c)
 * by dims. Storage grows by the bounds, 1/page_size of the cache.
 *
 * Where this differs from the code published with the paper: as in `rocketkv.ts`.
 */

import { compressionOf } from "./budget.ts";
import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";
import { pageStage } from "./stages.ts";
import { paging } from "./selection_parameters.ts";

export const hsa: Method = defineMethod({
  name: "hsa",
  summary: "keep everything, select by pages and dims at every step",
  paper: "RocketKV, ICML 2025, arXiv:2502.14051",
  parameters: paging({
    pageSize: "ceil(sqrt(compression)), or 1 where that is more than compression",
    queryDims: "floor(head dim * page_size / compression), 1 to head dim",
  }),
  plan(input) {
    const compression = compressionOf(input.tokenBudget, input.promptTokens + input.newTokens);
    return { ...DENSE, ...pageStage(input, compression) };
  },
});
