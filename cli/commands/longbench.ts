/** `rocketkv longbench`: LongBench's tasks, from a downloaded copy. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { GridTask } from "../../lib/sweep/grid/grid.ts";
import { ENGLISH, NAMES } from "../../lib/tasks/longbench/tasks.ts";
import { CODE_SIMILARITIES } from "../../lib/tasks/metrics/code_similarity.ts";
import * as option from "../options.ts";
import { runStudy } from "../study/study.ts";
import { studyOptions } from "../study/options.ts";
import { givenOptions } from "../study/task_options.ts";

export function declare(command: Command): void {
  const own = command
    .addOption(
      new Option(
        "--task <names>",
        `tasks, separated by commas, or all for the sixteen English ones; v2 is LongBench v2: ${NAMES.join(", ")}`,
      )
        .default(["all"], "all").argParser(option.list("--task", String)),
    )
    .option("--data <path>", "folder of the data set, or one task's file; what `data import` keeps without it")
    .option("--prompts <path>", "the benchmark's dataset2prompt.json, for numbers that compare with published ones")
    .option("--maxlen <path>", "the benchmark's dataset2maxlen.json")
    .addOption(
      new Option("--code-sim <measure>", "likeness of code: with python-Levenshtein, or without (indel)")
        .choices(CODE_SIMILARITIES),
    )
    .addOption(
      new Option(
        "--rouge-recursion-limit <calls>",
        "Python's, at which the official ROUGE of long sentences is 0 (1000)",
      )
        .argParser(option.integer("--rouge-recursion-limit", { min: 20 })),
    );
  studyOptions(own).action(async (flags) => {
    const options = givenOptions({
      data: flags.data,
      prompts: flags.prompts,
      maxlen: flags.maxlen,
      codeSimilarity: flags.codeSim,
      recursionLimit: flags.rougeRecursionLimit,
    });
    const names = flags.task.includes("all") ? ENGLISH : flags.task;
    const task = (name: string): GridTask =>
      name === "v2" ? { name: "longbench-v2", options } : { name: `longbench/${name}`, options };
    await runStudy(flags, names.map(task), null);
  });
}
