/** `rocketkv data`: benchmarks' records in the cache folder, and generated samples as files. */
import { Argument, type Command, Option } from "@commander-js/extra-typings";
import { RunError, UsageError } from "../../lib/error.ts";
import { resolveModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { formatLength, parseLength } from "../../lib/sweep/grid/length.ts";
import { buildableTasks, buildData } from "../../lib/tasks/build_data.ts";
import { damagedData, dataFolder, importables, importData, readImported } from "../../lib/tasks/data_store.ts";
import { loadText } from "../../lib/text/load_text.ts";
import { interruptSignal } from "../interrupt.ts";
import * as option from "../options.ts";
import { taskOptions } from "../study/task_options.ts";
import { formatBytes, formatCount, plural } from "../ui/format.ts";
import { note, writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

const ACTIONS = ["import", "verify", "list", "build"] as const;

export function declare(command: Command): void {
  command
    .addArgument(
      new Argument(
        "<action>",
        "import: check a downloaded copy and keep it; verify: compare with the checksums; list; build: write generated samples",
      ).choices(ACTIONS),
    )
    .argument(
      "[names...]",
      `import: ${
        Object.keys(importables).join(" or ")
      }, and a folder or file; verify: benchmarks; build: a task, such as ruler/vt`,
    )
    .option(
      "-m, --model <name>",
      "build: pulled model, folder or GGUF file whose tokens lengths are counted in",
      "smollm2",
    )
    .addOption(
      new Option("--length <lengths>", "build: lengths, separated by commas: tokens, or words as 2048w").default([
        "4096",
      ])
        .argParser(option.list("--length", (text) => formatLength(parseLength(text)))),
    )
    .addOption(
      new Option("--samples <count>", "build: samples per length, and per depth").default(5)
        .argParser(option.integer("--samples", { min: 1 })),
    )
    .addOption(new Option("--seed <number>", "build: seed").default(0).argParser(option.integer("--seed")))
    .addOption(
      new Option("--option <name=value>", "build: option of the task, such as depths=linear:5; may be repeated")
        .default([] as string[], "none").argParser(option.repeated),
    )
    .option("--out <folder>", "build: folder that <length>/<task>/validation.jsonl is written in", "data")
    .option("--json", "print one record", false)
    .action(async (action, names, flags) => {
      switch (action) {
        case "import":
          return await runImport(names, flags);
        case "verify":
          return await runVerify(names, flags);
        case "list":
          return await runList(names, flags);
        case "build":
          return await runBuild(names, flags);
      }
    });
}

async function runImport(names: readonly string[], { json }: { json: boolean }): Promise<void> {
  const [benchmark, path] = names;
  if (benchmark === undefined || path === undefined || names.length > 2) {
    throw new UsageError(
      `Cannot import: expected a benchmark and a folder or file, found ${plural(names.length, "name")}`,
    );
  }
  const files = await importData(benchmark, path, {
    signal: interruptSignal(),
    onTask: (task, records) => json || note(`${task}: ${plural(records, "record")}`),
  });
  const folder = dataFolder(benchmark);
  if (json) writeJson({ benchmark, folder, files });
  else note(`${plural(files.length, "task")} of ${benchmark} ${files.length === 1 ? "is" : "are"} ready: ${folder}`);
}

async function runVerify(names: readonly string[], { json }: { json: boolean }): Promise<void> {
  const found: { benchmark: string; files: number; damaged: string[] }[] = [];
  for (const benchmark of names.length > 0 ? names : Object.keys(importables)) {
    const files = (await readImported(benchmark)).length;
    if (files === 0 && names.length === 0) continue;
    if (files === 0) throw new UsageError(`Cannot verify ${benchmark}: expected imported data, found none`);
    found.push({ benchmark, files, damaged: await damagedData(benchmark, interruptSignal()) });
  }
  if (json) writeJson({ benchmarks: found });
  else if (found.length === 0) note("No data to verify");
  for (const { benchmark, damaged } of json ? [] : found) {
    writeLine(`${benchmark}: ${damaged.length === 0 ? "whole" : `damaged: ${damaged.join(", ")}`}`);
  }
  const broken = found.filter(({ damaged }) => damaged.length > 0).map(({ benchmark }) => benchmark);
  if (broken.length > 0) throw new RunError(`Cannot trust ${broken.join(", ")}: import again to repair`);
}

async function runList(names: readonly string[], { json }: { json: boolean }): Promise<void> {
  if (names.length > 0) throw new UsageError(`Cannot list "${names[0]}": expected no name`);
  const all = await Promise.all(
    Object.keys(importables).map(async (benchmark) =>
      (await readImported(benchmark)).map((file) => ({ benchmark, ...file }))
    ),
  );
  const files = all.flat();
  if (json) return writeJson({ files });
  if (files.length === 0) return note('No data yet: "rocketkv data import longbench <folder>" checks and keeps a copy');
  const { textTable } = await import("../ui/table.ts");
  writeLine(textTable(
    ["benchmark", "file", "records", "size", "sha256"],
    files.map((file) => [
      file.benchmark,
      file.name,
      formatCount(file.records),
      formatBytes(file.bytes),
      file.sha256.slice(0, 12),
    ]),
  ));
}

interface BuildFlags {
  readonly model: string;
  readonly length: readonly string[];
  readonly samples: number;
  readonly seed: number;
  readonly option: readonly string[];
  readonly out: string;
  readonly json: boolean;
}

async function runBuild(names: readonly string[], flags: BuildFlags): Promise<void> {
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new UsageError(
      `Cannot build: expected one task, such as niah or ruler/vt, found ${plural(names.length, "name")}`,
    );
  }
  const tasks = await buildableTasks({ name, options: taskOptions("--option", flags.option) });
  const source = await openModel(await resolveModel(flags.model));
  using progress = new Progress("build");
  const files = await buildData({
    tasks,
    text: loadText(source.text),
    lengths: flags.length.map(parseLength),
    seed: flags.seed,
    count: flags.samples,
    out: flags.out,
    signal: interruptSignal(),
    onSample: (done, total) => progress.update(done, total),
  });
  if (flags.json) return writeJson({ files });
  for (const { path, samples, mostTokens } of files) {
    writeLine(`${path}: ${plural(samples, "sample")}, at most ${plural(mostTokens, "token")}`);
  }
}
