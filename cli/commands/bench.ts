/** `rocketkv bench`: prefill and decode speed, against the memory bandwidth of the same machine in the same run. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { Engine } from "../../lib/engine/engine.ts";
import { benchmark, type Measurement } from "../../lib/engine/benchmark.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { benchmarkWorkload } from "../../lib/engine/workload.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import { readPrompt } from "../prompt_text.ts";
import * as recipe from "../recipe.ts";
import { formatBytes, formatCount, formatPercent, threeDigits } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

const count = (flag: string) => option.list(flag, option.integer(flag, { min: 1 }));

export function declare(command: Command): void {
  command
    .addOption(option.modelOption())
    .addOption(
      new Option("--context <tokens>", "prompt lengths").default([512, 2048], "512,2048").argParser(count("--context")),
    )
    .addOption(recipe.methodsOption("full,rocketkv"))
    .addOption(recipe.budgetsOption("256"))
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .addOption(
      new Option("--threads <counts>", "CPU threads, 0 = all").default([0], "0").argParser(
        option.list("--threads", option.integer("--threads", { max: 1024 })),
      ),
    )
    .addOption(option.newTokensOption(32))
    .addOption(
      new Option("--repeat <count>", "decode measurements, of which the median counts").default(3).argParser(
        option.integer("--repeat", { min: 1 }),
      ),
    )
    .addOption(
      new Option("--repeat-prefill <count>", "prefill measurements, of which the median counts").default(1).argParser(
        option.integer("--repeat-prefill", { min: 1 }),
      ),
    )
    .option("-f, --file <path>", "text for the prompts, repeated as needed; pseudo-random tokens without it")
    .addOption(option.deviceOption())
    .addOption(option.kvTypeOption())
    .addOption(option.chunkOption())
    .addOption(new Option("--json", "print one line of JSON per measurement").default(false).conflicts("markdown"))
    .option("--markdown", "print a Markdown table", false)
    .action(async (flags) => {
      const recipes = await recipe.recipesFrom(flags);
      const signal = interruptSignal();
      const text = flags.file === undefined ? "" : await readPrompt({ file: flags.file });
      const rows: Measurement[] = [];
      const prepared = await prepareEngine(flags);
      const runs = {
        contexts: flags.context,
        recipes,
        steps: flags.newTokens,
        session: { ...kvOptions(flags.kvType, prepared.source.config.headDim), chunkTokens: flags.chunk },
      };
      const workload = benchmarkWorkload(prepared.source.config, runs);
      for (const threads of flags.threads) {
        using engine = await loadEngine(prepared, { threads, workload, signal });
        using progress = new Progress("bench");
        const measurements = benchmark(engine, {
          ...runs,
          repeat: flags.repeat,
          repeatPrefill: flags.repeatPrefill,
          text: engine.text.tokenizer.encode(text, { bos: false }),
          signal,
          onProgress: (done, total) => progress.update(done, total),
        });
        for await (const measurement of measurements) {
          if (flags.json) writeJson({ model: engine.source.name, device: engine.device.name, ...measurement });
          else rows.push(measurement);
        }
        if (!flags.json && threads === flags.threads.at(-1)) await print(engine, rows, flags.markdown);
      }
    });
}

async function print(engine: Engine, rows: readonly Measurement[], markdown: boolean): Promise<void> {
  const { markdownTable, textTable } = await import("../ui/table.ts");
  const head = [
    "what",
    "context",
    "method",
    "budget",
    "threads",
    "tokens/s",
    "ms",
    "read/step",
    "GB/s",
    "of bandwidth",
  ];
  const cells = rows.map((row) => [
    row.kind,
    formatCount(row.context),
    row.method,
    row.budget === null ? "-" : formatCount(row.budget),
    row.threads,
    threeDigits(row.tokensPerSecond),
    threeDigits(row.ms),
    row.bytesPerStep === null ? "-" : formatBytes(row.bytesPerStep),
    row.gbPerS === null ? "-" : threeDigits(row.gbPerS),
    row.bandwidthShare === null ? "-" : formatPercent(row.bandwidthShare),
  ]);
  writeLine((markdown ? markdownTable : textTable)(head, cells));
  const bandwidths = [...new Map(rows.map((row) => [row.threads, row.bandwidthGbPerS]))];
  const measured = bandwidths.map(([threads, rate]) => `${threeDigits(rate)} GB/s with ${threads} threads`).join(", ");
  writeLine(
    `\n${engine.source.name} on ${engine.device.name}; read bandwidth ${measured}. ms: whole prefill, one decode step.`,
  );
}
