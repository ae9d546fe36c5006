import type { MethodFileKind, MethodFiles } from "./method_files.ts";
import type { LayerPatterns } from "./pattern.ts";
import type { LayerPlans, Plan } from "./plan.ts";

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
  /** What the user named with `--method-file`, read and parsed. */
  readonly files?: MethodFiles;
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
  /** Words that `--set` takes for 0, 1, ... */
  readonly names?: readonly string[];
}

/** A named recipe that turns a token budget into plans. */
export interface Method {
  /** As `--method` takes it: a word, or an expression such as `adakv(snapkv)`. */
  readonly name: string;
  /** One line for help and tables. */
  readonly summary: string;
  /** Where it was published. */
  readonly paper: string;
  readonly parameters: readonly Parameter[];
  /** Files that it reads. */
  readonly files?: readonly MethodFileKind[];
  /** True when the token budget means nothing to it. */
  readonly ignoresBudget?: boolean;
  /** True when it evicts once, by scores of every KV head: what wrappers can deal out otherwise. */
  readonly scoresHeads?: boolean;
  /**
   * @returns One plan for all layers, or one for each.
   * @throws {UsageError} when the numbers cannot work together; the message says what was wanted and found.
   */
  plan(input: PlanInput): LayerPlans;
  /**
   * Methods that make the prefill sparse, whatever the budget.
   *
   * @returns What each query head of each layer attends to in prefill.
   * @throws {UsageError} as plan() does.
   */
  patterns?(input: PlanInput): readonly LayerPatterns[];
}

/** A rule that changes how another method's places are dealt out. */
export interface Wrapper {
  readonly name: string;
  readonly summary: string;
  readonly paper: string;
  /** Their names are not those of any method's parameters. */
  readonly parameters: readonly Parameter[];
  /** Name of the method that is meant when none is named. */
  readonly inner: string;
  /** Change the plan of one layer, which evicts by score. */
  wrap(plan: Plan, set: PlanInput["set"]): Plan;
}
