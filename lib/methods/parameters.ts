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
