/** `rocketkv sweep`: a grid of models, methods, budgets and tasks, from flags, a file or a preset. */
import { type Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../lib/error.ts";
import { DEFAULT_GRID, type Grid } from "../../lib/sweep/grid/grid.ts";
import { formatGrid, readGrid } from "../../lib/sweep/grid/grid_file.ts";
import { parseLength } from "../../lib/sweep/grid/length.ts";
import { presets } from "../../lib/sweep/grid/preset.ts";
import * as option from "../options.ts";
import { runGrid } from "../study/study.ts";
import { gridFrom } from "../study/grid.ts";
import { oneOf, studyOptions } from "../study/options.ts";
import * as slurm from "../study/slurm_options.ts";
import { taskOptions } from "../study/task_options.ts";
import { write } from "../ui/output.ts";

export function declare(command: Command): void {
  studyOptions(
    command
      .addOption(
        new Option("--grid <file>", "YAML, JSON or TOML file with the grid; flags override its fields"),
      )
      .addOption(
        new Option("--preset <name>", `grid that comes along: ${Object.keys(presets).join(", ")}`)
          .conflicts("grid").argParser((text) => oneOf("--preset", text, Object.keys(presets))),
      )
      .option("--print-grid", "print the grid as a file instead of running it", false)
      .addOption(
        new Option("--task <names>", "tasks, separated by commas: niah, ruler/vt, ruler for all of it")
          .argParser(option.list("--task", String)),
      )
      .addOption(
        new Option(
          "--task-option <name=value>",
          "option of these tasks, such as data=own.jsonl of task file; may be repeated",
        )
          .default([] as string[], "none").argParser(option.repeated),
      )
      .addOption(
        new Option("--length <tokens>", "lengths, separated by commas: tokens, or words as in 2048w (1024,2048)")
          .argParser(option.list("--length", parseLength)),
      )
      .addOption(slurm.executorOption())
      .addOption(slurm.emitOption())
      .addOption(slurm.tasksOption())
      .addOption(slurm.runningOption())
      .addOption(slurm.partitionOption())
      .addOption(slurm.timeOption())
      .addOption(slurm.gresOption())
      .addOption(slurm.accountOption())
      .addOption(slurm.cpusOption())
      .addOption(slurm.memoryOption())
      .addOption(slurm.moreOption()),
  ).action(async (flags) => {
    const base = await baseGrid(flags);
    const options = taskOptions("--task-option", flags.taskOption);
    if (flags.task === undefined && flags.taskOption.length > 0) {
      throw new UsageError("Cannot use --task-option without --task: expected the tasks that it is of");
    }
    const tasks = flags.task?.map((name) => ({ name, options })) ?? null;
    const grid = gridFrom(base, flags, tasks, flags.length ?? null);
    if (flags.printGrid) return write(await formatGrid(grid));
    if (grid.tasks.length === 0) {
      throw new UsageError("Cannot sweep without tasks: pass --task niah, --preset smoke, or --grid and a file");
    }
    if (flags.executor !== "slurm") return await runGrid(flags, grid, { command: "sweep" });
    const { handOverToSlurm } = await import("../study/slurm.ts");
    await runGrid(flags, grid, { command: "sweep", handOver: await handOverToSlurm(flags, grid) });
  });
}

async function baseGrid({ grid, preset }: { grid?: string | undefined; preset?: string | undefined }): Promise<Grid> {
  if (grid !== undefined) return await readGrid(grid);
  return preset === undefined ? DEFAULT_GRID : presets[preset]!;
}
