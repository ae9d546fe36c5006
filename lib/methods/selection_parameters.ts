/** Declarations of the numbers of a selection, which several methods share. */

import type { Parameter } from "./method.ts";
import { AT_LEAST_ONE, COUNT, kind, SWITCH } from "./parameters.ts";

/** Selection by page bounds; the defaults in words. */
export interface Paging {
  readonly pageSize: string;
  readonly queryDims: string;
  readonly topK?: string;
  readonly rank?: number;
  readonly sign?: number;
  readonly wholePages?: number;
  readonly pinRecent?: string;
}

/** Selection by page bounds. */
export function paging(defaults: Paging): readonly Parameter[] {
  const { pageSize, queryDims, topK: top = "floor(budget / 2), at least 1" } = defaults;
  const { rank = 0, sign = 0, wholePages = 0, pinRecent = "0" } = defaults;
  return [
    {
      name: "page_size",
      unit: "tokens",
      help: "consecutive kept tokens that are scored as one",
      default: pageSize,
      ...AT_LEAST_ONE,
    },
    {
      name: "query_dims",
      unit: "dims",
      help: "head dims that are read to score a page",
      default: queryDims,
      min: 1,
      max: 256,
    },
    topK(top),
    {
      name: "whole_pages",
      help: "1 = never attend to part of a page; rounds top_k down",
      default: `${wholePages}`,
      ...SWITCH,
    },
    {
      name: "rank",
      help: "how a group agrees: 0 = mean of softmaxes, 1 = sum of scores, 2 = every query head for itself",
      default: `${rank}`,
      ...kind("softmax_mean", "logit_sum", "per_head"),
    },
    {
      name: "sign",
      help: "0 = the group's sign picks page max or min, 1 = every head takes its own (reads twice the bounds)",
      default: `${sign}`,
      ...kind("group", "head"),
    },
    ...pins(pinRecent),
  ];
}

/** Selection by true scores. */
export function exact(): readonly Parameter[] {
  return [topK("budget"), ...pins("0")];
}

function topK(byDefault: string): Parameter {
  return { name: "top_k", unit: "tokens", help: "tokens attended exactly", default: byDefault, ...AT_LEAST_ONE };
}

export const MEAN_VALUE: Parameter = {
  name: "mean_value",
  help: "1 = what was not selected counts as the mean of all values, by its estimated weight",
  default: "1",
  ...SWITCH,
};

/** Tokens that a selection must contain. */
function pins(recentByDefault: string): readonly Parameter[] {
  return [
    {
      name: "pin_sinks",
      unit: "tokens",
      help: "first tokens that are always attended, within top_k",
      default: "0",
      ...COUNT,
    },
    {
      name: "pin_recent",
      unit: "tokens",
      help: "most recent tokens that are always attended, within top_k; 1 = the current token",
      default: recentByDefault,
      ...COUNT,
    },
  ];
}
