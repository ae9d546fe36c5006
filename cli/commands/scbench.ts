/** `rocketkv scbench`: SCBench's many questions about one context, from a downloaded copy. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { GridTask } from "../../lib/sweep/grid/grid.ts";
import { HISTORIES, MODES } from "../../lib/tasks/scbench/task.ts";
import { NAMES, SIZES } from "../../lib/tasks/scbench/tasks.ts";
import * as option from "../options.ts";
import { runStudy } from "../study/study.ts";
import { studyOptions } from "../study/options.ts";
import { givenOptions } from "../study/task_options.ts";

const count = option.integer("--turns", { min: 1 });

export function declare(command: Command): void {
  const own = command
    .addOption(
      new Option("--task <names>", `tasks, separated by commas, or all: ${NAMES.join(", ")}`)
        .default(["all"], "all").argParser(option.list("--task", String)),
    )
    .option("--data <path>", "folder of the data set, or one task's file; what `data import` keeps without it")
    .addOption(
      new Option("--size <size>", "of KVzip's shortened files: about 8K, 20K or 60K tokens (full)").choices(SIZES),
    )
    .addOption(
      new Option("--mode <mode>", "whether a question sees the turns before it (multi-turn)").choices(MODES),
    )
    .addOption(
      new Option("--history <answers>", "what it sees there: reference answers, or the model's own (golden)")
        .choices(HISTORIES),
    )
    .addOption(
      new Option("--turns <count>", "turns of every session, or all; the benchmark's own program stops after 5 (all)")
        .argParser((text: string) => text === "all" ? text : count(text)),
    );
  studyOptions(own).action(async (flags) => {
    const { data, size, mode, history, turns } = flags;
    const options = givenOptions({ data, size, mode, history, turns });
    const names = flags.task.includes("all") ? NAMES : flags.task;
    await runStudy(flags, names.map((name): GridTask => ({ name: `scbench/${name}`, options })), null);
  });
}
