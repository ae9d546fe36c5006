/** `rocketkv ruler`: RULER's thirteen tasks, generated here or from files of its own programs. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { GridTask } from "../../lib/sweep/grid/grid.ts";
import { officialLengths } from "../../lib/tasks/ruler/official_files.ts";
import { RULER_TASKS } from "../../lib/tasks/ruler/recipes.ts";
import type { Json } from "../../lib/tasks/sample.ts";
import type { Length } from "../../lib/tasks/task.ts";
import { lengthOption } from "../study/length_option.ts";
import * as option from "../options.ts";
import { runStudy } from "../study/study.ts";
import { studyOptions } from "../study/options.ts";

export function declare(command: Command): void {
  studyOptions(rulerOptions(command)).action(async (flags) => {
    const given: Record<string, Json | undefined> = {
      haystack: flags.haystack,
      questions: flags.qa,
      data: flags.data,
      raw: flags.raw || undefined,
      newTokens: flags.newTokens,
    };
    const options = Object.fromEntries(
      Object.entries(given).filter((entry): entry is [string, Json] => entry[1] !== undefined),
    );
    const names = flags.task.includes("all") ? RULER_TASKS : flags.task;
    const tasks = names.map((name): GridTask => ({ name: `ruler/${name}`, options }));
    await runStudy(flags, tasks, flags.length ?? await lengthsOf(flags.data));
  });
}

/** Lengths that the files are of; null where they do not say, and for samples that are made here. */
async function lengthsOf(data: string | undefined): Promise<Length[] | null> {
  const lengths = data === undefined ? [] : await officialLengths(data);
  return lengths.length === 0 ? null : lengths.map((count) => ({ unit: "tokens", count }));
}

function rulerOptions(command: Command) {
  return command
    .addOption(
      new Option("--task <names>", `tasks, separated by commas, or all: ${RULER_TASKS.join(", ")}`)
        .default(["all"], "all").argParser(option.list("--task", String)),
    )
    .addOption(lengthOption())
    .option(
      "--haystack <text>",
      "of the tasks that hide needles in prose: prose, pulled:<name>, a file or folder (prose)",
    )
    .option("--qa <path>", "questions of qa_1 and qa_2: squad.json, hotpotqa.json or JSONL (invented ones)")
    .addOption(
      new Option("--data <path>", "files of RULER's prepare.py or of kvpress, instead of generated samples")
        .conflicts(["haystack", "qa"]),
    )
    .addOption(option.rawOption())
    .addOption(
      new Option("-n, --new-tokens <count>", "most tokens of an answer (the task's own)")
        .argParser(option.integer("--new-tokens", { min: 1 })),
    );
}
