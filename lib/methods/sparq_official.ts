/**
 * SparQ as its authors describe it: score every token over the few dims where the query is largest, attend to the best
 * and the most recent ones, and let the mean of all values stand for the rest (arXiv:2312.04985).
 *
 * With compression c, head dim / c dims are read of every key and half of the budget is attended: at c = 8 this is the
 * authors' own setting, an eighth of the dims and a sixteenth of the tokens.
 *
 * Where this differs from the official code, and why:
 * - the current token is inside top_k; officially it comes on top;
 * - storage: keys are kept once more by dim, as page bounds of single tokens; officially a transposed copy.
 */

import { attendedHalf, compressionOf } from "./budget.ts";
import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";
import { pageStage } from "./stages.ts";
import { MEAN_VALUE, paging } from "./selection_parameters.ts";

export const sparqOfficial: Method = defineMethod({
  name: "sparq-official",
  summary: "sparq as published: recent tokens pinned, the rest counts as the mean value",
  paper: "SparQ, ICML 2024, arXiv:2312.04985",
  parameters: [
    ...paging({
      pageSize: "1",
      queryDims: "round(head dim / compression), at least 1",
      rank: 1,
      pinRecent: "floor(top_k / 4), at least 1",
    }),
    MEAN_VALUE,
  ],
  plan(input) {
    const { tokenBudget, promptTokens, newTokens, headDim, set } = input;
    const compression = compressionOf(tokenBudget, promptTokens + newTokens);
    const topK = set["top_k"] ?? attendedHalf(tokenBudget);
    return {
      ...DENSE,
      ...pageStage(input, compression, {
        pageSize: 1,
        queryDims: Math.max(1, Math.round(headDim / compression)),
        rank: "logit_sum",
        pinRecent: Math.max(1, Math.floor(topK / 4)),
      }),
      meanValue: (set["mean_value"] ?? 1) === 1,
    };
  },
});
