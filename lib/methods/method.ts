import type { LayerPlans } from "./plan.ts";

/** What a method may know about the model and the prompt when it decides its numbers. */
export interface PlanInput {
  /** Tokens' worth of K and V that one decode step may read per KV head, scoring included. */
  readonly tokenBudget: number;
  /** Prompt tokens that will be cached when the plan is applied. */
  readonly promptTokens: number;
  /** Most tokens that will be generated afterwards. */
  readonly newTokens: number;
  readonly headDim: number;
  /** Query heads per KV head. */
  readonly group: number;
  readonly nLayers: number;
  readonly nKvHeads: number;
  /** Numbers the user set by hand with `--set name=value`, already parsed and known to the method. */
  readonly set: Readonly<Record<string, number>>;
}

/** One number of a method that `--set` can override. */
export interface Parameter {
  readonly name: string;
  readonly unit: string;
  readonly help: string;
  /** How the default comes about, for people: `32`, `ceil(sqrt(capacity / budget))`. */
  readonly default: string;
  readonly min: number;
  readonly max: number;
  /** True for numbers that need not be whole. */
  readonly fractional?: boolean;
  /** True for numbers that must be odd. */
  readonly odd?: boolean;
}

/** A named recipe that turns a token budget into plans. */
export interface Method {
  readonly name: string;
  /** One line for help and tables. */
  readonly summary: string;
  /** Where it was published. */
  readonly paper: string;
  readonly parameters: readonly Parameter[];
  /**
   * @returns One plan for all layers, or one for each.
   * @throws {UsageError} when the numbers cannot work together; the message says what was wanted and found.
   */
  plan(input: PlanInput): LayerPlans;
}
