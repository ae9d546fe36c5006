/**
 * Quest as its authors run it: pages of 16 tokens, an upper bound and a choice of whole pages for every query head, two
 * dense layers (arXiv:2406.10774).
 *
 * Its budget counts the tokens that a query head attends to and leaves out what scoring reads, a token's worth for every
 * page, and that heads of a group may choose different pages. The report says what a step really reads; `quest` is the
 * same idea at equal reads.
 *
 * Where this differs from the official code, and why:
 * - its kernels' rule, not its evaluation script's: the current page is always attended and the others compete. Here the
 *   `page_size` most recent tokens are pinned, which may begin in the page before;
 * - at least two pages are attended, so that there is one to choose;
 * - grouped-query attention: every query head chooses among the pages of its KV head; officially there are no groups.
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";
import { pageStage } from "./stages.ts";
import { paging } from "./selection_parameters.ts";

const PAGE = 16, DENSE_LAYERS = 2;

export const questOfficial: Method = defineMethod({
  name: "quest-official",
  summary: "quest as published: 16-token pages, every query head for itself, scoring not charged",
  paper: "Quest, ICML 2024, arXiv:2406.10774",
  parameters: paging({
    pageSize: `${PAGE}`,
    queryDims: "head dim",
    topK: "budget in whole pages, at least two",
    rank: 2,
    sign: 1,
    wholePages: 1,
    pinRecent: "page_size",
  }),
  denseLayers: DENSE_LAYERS,
  plan(input) {
    const pageSize = input.set["page_size"] ?? PAGE;
    const pages = Math.max(2, Math.floor(input.tokenBudget / pageSize));
    return {
      ...DENSE,
      ...pageStage(input, 1, {
        pageSize,
        queryDims: input.headDim,
        topK: pages * pageSize,
        rank: "per_head",
        sign: "head",
        wholePages: true,
        pinRecent: pageSize,
      }),
    };
  },
});
