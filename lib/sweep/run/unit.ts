/** What runs as a whole: a group of samples, and all arms on it. */
import type { Recipe } from "../../engine/recipe.ts";
import type { SessionOptions } from "../../native/session.ts";
import type { SampleGroup, Task } from "../../tasks/task.ts";
import type { ScoreMode } from "../../tasks/metrics/metric.ts";
import type { Truncation } from "../../tasks/prompt/truncate.ts";
import type { Prediction, Timing } from "../folder/prediction.ts";

/**
 * When the cache is compressed. `query-aware`: behind the whole prompt, as SnapKV, RocketKV and LongBench's users do;
 * `query-agnostic`: behind the context, before the question is seen, as KVzip and kvpress do. Not comparable.
 */
export const MOMENTS = ["query-aware", "query-agnostic"] as const;
export type Moment = typeof MOMENTS[number];

export { type Truncation, TRUNCATIONS } from "../../tasks/prompt/truncate.ts";

/** How the prompts of a task become tokens: contexts that are cached by themselves are always tokens of their own. */
export function tokeniseOf(task: Task, moment: Moment): "split" | "whole" {
  return moment === "query-agnostic" || task.history === "requests" ? "split" : task.tokenise ?? "split";
}

/** A recipe, and the cell that its predictions belong to. */
export interface UnitArm {
  readonly cell: string;
  readonly recipe: Recipe;
}

export interface Unit {
  readonly task: Task;
  readonly group: SampleGroup;
  readonly arms: readonly UnitArm[];
  readonly moment: Moment;
  readonly scorer: ScoreMode;
  readonly truncate: Truncation;
  readonly session: SessionOptions;
  /** Samples to leave out: their predictions are there already. What is shared is cut the same way with or without them. */
  readonly done: ReadonlySet<string>;
}

/** One sample with all arms: what is written down together. */
export interface SampleResult {
  readonly sample: string;
  /** In the order of the arms, and within an arm of the turns. */
  readonly answers: readonly { readonly cell: string; readonly prediction: Prediction; readonly timing: Timing }[];
}
