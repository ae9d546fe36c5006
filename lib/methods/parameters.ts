/** Declarations of the numbers that several methods share. `max` is the widest range any model allows. */

import type { Parameter } from "./method.ts";
import { MAX_WINDOW } from "./plan.ts";
import { UNLIMITED } from "./settings.ts";

const count = { min: 0, max: UNLIMITED } as const;
const atLeastOne = { min: 1, max: UNLIMITED } as const;

/** What every method has: these say how much of the run the method gets to see. */
export const COMMON: readonly Parameter[] = [
  {
    name: "dense_layers",
    unit: "layers",
    help: "first layers that are left alone",
    default: "0",
    ...count,
  },
  {
    name: "decode_tail",
    unit: "tokens",
    help: "last prompt tokens fed as decode steps, so that eviction cannot see them; 1 as in the RocketKV paper's runs",
    default: "0",
    ...count,
  },
];

export const SINKS: Parameter = {
  name: "sinks",
  unit: "tokens",
  help: "first prompt tokens that are always kept",
  default: "0",
  ...count,
};

/** Eviction by votes. */
export function voting(window: number, promptBudget: string): readonly Parameter[] {
  return [
    {
      name: "prompt_budget",
      unit: "tokens",
      help: "prompt tokens kept per KV head, the window included",
      default: promptBudget,
      ...atLeastOne,
    },
    {
      name: "window",
      unit: "tokens",
      help: "last prompt tokens whose queries vote; they are always kept",
      default: `${window}, at most prompt_budget`,
      min: 1,
      max: MAX_WINDOW,
    },
    {
      name: "kernel",
      unit: "tokens",
      help: "width of the pooling that spreads votes to neighbours; 1 = none",
      default: "63",
      ...atLeastOne,
      odd: true,
    },
    { name: "pool", unit: "kind", help: "0 = maximum, 1 = average", default: "0", min: 0, max: 1 },
    SINKS,
  ];
}

/** Selection by page bounds. */
export function paging(pageSize: string, queryDims: string): readonly Parameter[] {
  return [
    {
      name: "page_size",
      unit: "tokens",
      help: "consecutive kept tokens that are scored as one",
      default: pageSize,
      ...atLeastOne,
    },
    {
      name: "query_dims",
      unit: "dims",
      help: "head dims that are read to score a page",
      default: queryDims,
      min: 1,
      max: 256,
    },
    topK("floor(budget / 2), at least 1"),
    {
      name: "whole_pages",
      unit: "switch",
      help: "1 = never attend to part of a page; rounds top_k down",
      default: "0",
      min: 0,
      max: 1,
    },
    {
      name: "rank",
      unit: "kind",
      help: "how a group agrees: 0 = mean of softmaxes, 1 = sum of scores",
      default: "0",
      min: 0,
      max: 1,
    },
    {
      name: "sign",
      unit: "kind",
      help: "0 = the group's sign picks page max or min, 1 = every head takes its own (reads twice the bounds)",
      default: "0",
      min: 0,
      max: 1,
    },
    ...PINS,
  ];
}

/** Selection by true scores. */
export function exact(): readonly Parameter[] {
  return [topK("budget"), ...PINS];
}

function topK(byDefault: string): Parameter {
  return { name: "top_k", unit: "tokens", help: "tokens attended exactly", default: byDefault, ...atLeastOne };
}

/** Tokens that a selection must contain. */
const PINS: readonly Parameter[] = [
  {
    name: "pin_sinks",
    unit: "tokens",
    help: "first tokens that are always attended, within top_k",
    default: "0",
    ...count,
  },
  {
    name: "pin_recent",
    unit: "tokens",
    help: "most recent tokens that are always attended, within top_k; 1 = the current token",
    default: "0",
    ...count,
  },
];
