/** Declarations of the numbers that several methods share. `max` is the widest range any model allows. */

import type { Parameter } from "./method.ts";
import { MAX_WINDOW } from "./plan.ts";
import { UNLIMITED } from "./settings.ts";

/** Ranges of whole numbers. */
export const COUNT = { min: 0, max: UNLIMITED } as const;
export const AT_LEAST_ONE = { min: 1, max: UNLIMITED } as const;

/** Numbers that stand for words: 0 for the first. */
export function kind(...names: string[]): Pick<Parameter, "unit" | "min" | "max" | "names"> {
  return { unit: "kind", min: 0, max: names.length - 1, names };
}

/** A number that is on or off. */
export const SWITCH = { unit: "switch", min: 0, max: 1 } as const;

/** What every method has: these say how much of the run the method gets to see. */
export const COMMON: readonly Parameter[] = [
  {
    name: "dense_layers",
    unit: "layers",
    help: "first layers that are left alone",
    default: "0",
    ...COUNT,
  },
  {
    name: "decode_tail",
    unit: "tokens",
    help: "last prompt tokens fed as decode steps, so that eviction cannot see them; 1 as in the RocketKV paper's runs",
    default: "0",
    ...COUNT,
  },
];

export function promptBudget(byDefault: string): Parameter {
  return {
    name: "prompt_budget",
    unit: "tokens",
    help: "prompt tokens kept per KV head, the window included",
    default: byDefault,
    ...AT_LEAST_ONE,
  };
}

export function sinks(byDefault: string): Parameter {
  return {
    name: "sinks",
    unit: "tokens",
    help: "first prompt tokens that are always kept",
    default: byDefault,
    ...COUNT,
  };
}

export function recent(byDefault: string): Parameter {
  return {
    name: "recent",
    unit: "tokens",
    help: "most recent tokens that are always kept",
    default: byDefault,
    ...COUNT,
  };
}

export const GROUP_RULE: Parameter = {
  name: "group_rule",
  help: "how query heads agree on scores: 0 = sum, 1 = max of the group",
  default: "0",
  ...kind("sum", "max"),
};

/** What a method says about its votes. */
export interface Voting {
  readonly promptBudget: string;
  readonly window: number;
  /** @default "at most prompt_budget" */
  readonly windowLimit?: string;
  readonly kernel: number;
}

/** Eviction by votes. */
export function voting(numbers: Voting): readonly Parameter[] {
  const { promptBudget: budget, window, windowLimit = "at most prompt_budget", kernel } = numbers;
  return [
    promptBudget(budget),
    {
      name: "window",
      unit: "tokens",
      help: "last prompt tokens whose queries vote; they are always kept",
      default: `${window}, ${windowLimit}`,
      min: 1,
      max: MAX_WINDOW,
    },
    {
      name: "kernel",
      unit: "tokens",
      help: "width of the pooling that spreads votes to neighbours; 1 = none",
      default: `${kernel}`,
      ...AT_LEAST_ONE,
      odd: true,
    },
    { name: "pool", help: "0 = maximum, 1 = average", default: "0", ...kind("max", "avg") },
    {
      name: "tie",
      help: "equal pooled votes go by 0 = the unpooled vote, 1 = position",
      default: "0",
      ...kind("score", "position"),
    },
    sinks("0"),
  ];
}

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
