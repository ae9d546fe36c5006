// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
/** What needles are hidden where: the options of `rocketkv niah`, and the tasks that they name. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { GridTask } from "../../lib/sweep/grid/grid.ts";
import { parseLength } from "../../lib/sweep/grid/length.ts";
import { ARMS, niahOptions } from "../../lib/tasks/niah/options.ts";
import { SNAPS } from "../../lib/tasks/niah/place.ts";
import { NIAH_PRESETS } from "../../lib/tasks/niah/presets.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import type { Length } from "../../lib/tasks/task.ts";
import { lengthOption } from "./length_option.ts";
import * as option from "../options.ts";

/** Options that nobody names are undefined: the preset's count, or else the task's own. */
export interface NiahFlags {
  readonly length?: readonly Length[] | undefined;
  readonly depth?: string | undefined;
  readonly haystack?: string | undefined;
  readonly key?: string | undefined;
  readonly needles?: number | undefined;
  readonly distractors?: number | undefined;
  readonly snap?: typeof SNAPS[number] | undefined;
  /** False for `--no-needle`: one arm more, without one. */
  readonly needle: boolean;
  readonly wrongKey: boolean;
  readonly raw: boolean;
  readonly newTokens?: number | undefined;
  readonly preset?: keyof typeof NIAH_PRESETS | undefined;
}

/** Add the options of needles to a command. */
export function needleOptions(command: Command) {
  return command
    .addOption(lengthOption())
    .option("--depth <percents>", "where needles are: 0,50,100, linear:<count> or sigmoid:<count> (linear:11)")
    .option("--haystack <text>", "prose, noise, pulled:<name>, a text file or a folder of *.txt (prose)")
    .option("--key <kind>", "what is hidden: digits:<count>, uuid or words (digits:7)")
    .addOption(
      new Option("--needles <count>", "keys that are asked for at once (1)")
        .argParser(option.integer("--needles", { min: 1 })),
    )
    .addOption(
      new Option("--distractors <count>", "needles of the same form with keys of others (0)")
        .argParser(option.integer("--distractors")),
    )
    .addOption(new Option("--snap <unit>", "what a needle does not cut in two (sentence)").choices(SNAPS))
    .option("--no-needle", "also ask where nothing is hidden: how often keys are made up")
    .option("--wrong-key", "also ask where only somebody else's key is hidden", false)
    .addOption(option.rawOption())
    .addOption(
      new Option("-n, --new-tokens <count>", "most tokens of an answer (those of the keys and 8 more)")
        .argParser(option.integer("--new-tokens", { min: 1 })),
    )
    .addOption(new Option("--preset <name>", "a grid to compare with others").choices(PRESETS));
}

const PRESETS = Object.keys(NIAH_PRESETS) as (keyof typeof NIAH_PRESETS)[];

export interface NiahStudy {
  /** One per arm, needles first. */
  readonly tasks: readonly GridTask[];
  /** Null: the grid's default. */
  readonly lengths: readonly Length[] | null;
  /** In percent. */
  readonly depths: readonly number[];
}

/** @throws {UsageError} for options that cannot be used. */
export function niahStudy(flags: NiahFlags): NiahStudy {
  const preset = flags.preset === undefined ? undefined : NIAH_PRESETS[flags.preset];
  const given: Record<string, Json | undefined> = {
    depths: flags.depth,
    haystack: flags.haystack,
    key: flags.key,
    needles: flags.needles,
    distractors: flags.distractors,
    snap: flags.snap,
    raw: flags.raw || undefined,
    newTokens: flags.newTokens,
  };
  const named = Object.entries(given).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  const options = { ...preset?.options, ...Object.fromEntries(named) };
  const arms = ARMS.filter((arm) => arm === "needle" || (arm === "no-needle" ? !flags.needle : flags.wrongKey));
  const tasks = arms.map((arm): GridTask => ({
    name: "niah",
    options: { ...options, arm },
    ...(preset && { samples: preset.samples }),
  }));
  return {
    tasks,
    lengths: flags.length ?? preset?.lengths.map(parseLength) ?? null,
    depths: niahOptions(tasks[0]!).depths,
  };
}
