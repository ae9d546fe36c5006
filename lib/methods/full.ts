/**
 * The full cache: every token stays and is attended to. The reference for quality, and the speed to beat; each cached
 * row is read once for all query heads of its group (grouped-query attention, arXiv:2305.13245).
 */

import { defineMethod } from "./define.ts";
import type { Method } from "./method.ts";
import { DENSE } from "./plan.ts";

export const full: Method = defineMethod({
  name: "full",
  summary: "keep everything, attend to everything",
  paper: "Grouped-query attention, arXiv:2305.13245",
  parameters: [],
  ignoresBudget: true,
  plan: () => DENSE,
});
