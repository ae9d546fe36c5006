/** What a needle task is made of, as flags and grid files name it. */
import type { TaskSpec } from "../task.ts";
import { TaskOptions } from "../task_options.ts";
import { depthsFrom } from "./depths.ts";
import { keyKindFrom, OWNERS } from "./key.ts";
import { SNAPS } from "./place.ts";

/**
 * `needle`: the key is in the haystack. `no-needle`: it is not, and whoever names one made it up. `wrong-key`: only another
 * owner's key is there, which is a wrong answer.
 */
export const ARMS = ["needle", "no-needle", "wrong-key"] as const;

export interface NiahOptions {
  /** In percent of the haystack's tokens, ascending. Of the arm without a needle: none. */
  readonly depths: readonly number[];
  /** See `openHaystack`. */
  readonly haystack: string;
  /** `digits:7`, `uuid` or `words`. */
  readonly key: string;
  /** Keys that are asked for at once: the first at the depth, the others evenly behind it. */
  readonly needles: number;
  /** Needles with other owners' keys, evenly spread. */
  readonly distractors: number;
  readonly snap: typeof SNAPS[number];
  readonly arm: typeof ARMS[number];
  /** Without the model's chat template. */
  readonly raw: boolean;
  /** Most tokens of an answer; null: those of the keys and 8 more. */
  readonly newTokens: number | null;
}

/** @throws {UsageError} for options that are unknown or out of range. */
export function niahOptions(spec: TaskSpec): NiahOptions {
  const read = new TaskOptions(spec);
  const arm = read.choice("arm", ARMS, "needle");
  const needles = read.integer("needles", 1, 1, OWNERS.length);
  const options = {
    depths: depthsFrom(read.any("depths") ?? "linear:11") ??
      read.refuse("depths", "percents from 0 to 100, linear:<count> or sigmoid:<count>"),
    haystack: read.text("haystack", "prose"),
    key: keyKindFrom(read.text("key", "digits:7"))?.name ??
      read.refuse("key", "digits:<1 to 256>, uuid or words"),
    needles,
    distractors: read.integer("distractors", 0, 0, OWNERS.length - needles - 1),
    snap: read.choice("snap", SNAPS, "sentence"),
    arm,
    raw: read.flag("raw"),
    newTokens: read.any("newTokens") == null ? null : read.integer("newTokens", 0, 1),
  };
  read.done();
  return options;
}
