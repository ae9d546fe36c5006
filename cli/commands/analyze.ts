/** `rocketkv analyze`: what methods attend to, layer by layer and head by head, against the full cache's softmax. */
import { type Command, Option } from "@commander-js/extra-typings";
import { label } from "../../lib/analyze/charts.ts";
import { findNeedle } from "../../lib/analyze/needle.ts";
import { type Analysis, analyze } from "../../lib/analyze/run.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { encodePrompt } from "../../lib/engine/prompt.ts";
import { forksWorkload } from "../../lib/engine/workload.ts";
import { writing } from "../../lib/model/writing.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import { readPrompt } from "../prompt_text.ts";
import * as recipe from "../recipe.ts";
import { formatCount, formatPercent, plural } from "../ui/format.ts";
import { note, snakeKeys, writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .addOption(option.promptOption())
    .addOption(option.promptFileOption())
    .addOption(option.systemOption())
    .addOption(option.rawOption())
    .option("--needle <text>", "part of the prompt that the answer depends on: say where its tokens are kept or lost")
    .addOption(option.modelOption())
    .addOption(recipe.methodsOption("rocketkv,hsa,snapkv,quest,sparq,streaming,oracle-group"))
    .addOption(recipe.budgetsOption("256"))
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .addOption(
      new Option("-n, --steps <count>", "decode steps that are looked at").default(16).argParser(
        option.integer("--steps", { min: 1 }),
      ),
    )
    .addOption(
      new Option("--unique-top-k <tokens>", "size of the true top-k whose novelty is followed over the steps")
        .default(256).argParser(option.integer("--unique-top-k", { min: 1 })),
    )
    .option("--out <folder>", "write analysis.json and the charts (SVG and PNG) there")
    .addOption(option.deviceOption())
    .addOption(option.threadsOption())
    .addOption(option.kvTypeOption())
    .addOption(option.allowLongOption())
    .option("--json", "print one record instead of tables", false)
    .action(async (flags) => {
      const recipes = await recipe.recipesFrom(flags);
      const prompt = await readPrompt(flags);
      const signal = interruptSignal();
      const prepared = await prepareEngine(flags);
      const { text, source } = prepared;
      const promptIds = encodePrompt(text, prompt, flags);
      const needle = flags.needle === undefined ? null : findNeedle(text.tokenizer, promptIds, flags.needle);
      const { out } = flags;
      // Before the work begins, so that it is not lost where nothing can be written.
      if (out !== undefined) await writing(out, () => Deno.mkdir(out, { recursive: true }));
      const session = kvOptions(flags.kvType, source.config.headDim);
      const workload = forksWorkload(source.config, promptIds.length, { recipes, steps: flags.steps, session });
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal });
      const analysis = await watched((onProgress) =>
        analyze(engine, {
          promptIds,
          recipes,
          steps: flags.steps,
          needle,
          topK: flags.uniqueTopK,
          session,
          allowLong: flags.allowLong,
          signal,
          onProgress,
        })
      );
      if (flags.json) writeJson(record(engine, analysis));
      else await print(engine, analysis);
      if (out !== undefined) await writeFolder(out, engine, analysis);
    });
}

async function watched(
  run: (onProgress: (done: number, total: number) => void) => Promise<Analysis>,
): Promise<Analysis> {
  using progress = new Progress("analyze");
  return await run((done, total) => progress.update(done, total));
}

function record(engine: Engine, analysis: Analysis) {
  return { model: engine.source.name, device: engine.device.name, ...analysis };
}

async function writeFolder(folder: string, engine: Engine, analysis: Analysis): Promise<void> {
  const { analysisCharts } = await import("../../lib/analyze/charts.ts");
  const { renderPng, renderSvg } = await import("../../lib/chart/render.ts");
  await writing(folder, async () => {
    await Deno.writeTextFile(`${folder}/analysis.json`, JSON.stringify(snakeKeys(record(engine, analysis))) + "\n");
    for (const [name, spec] of Object.entries(analysisCharts(analysis))) {
      const svg = await renderSvg(spec);
      await Deno.writeTextFile(`${folder}/${name}.svg`, svg);
      await Deno.writeFile(`${folder}/${name}.png`, await renderPng(svg));
    }
  });
  note(`Wrote analysis.json and the charts to ${folder}`);
}

async function print(engine: Engine, analysis: Analysis): Promise<void> {
  const { textTable } = await import("../ui/table.ts");
  const share = (value: number | null) => value === null ? "-" : formatPercent(value);
  const needle = analysis.needle === null ? [] : ["needle cached", "needle attended"];
  const rows = analysis.methods.map((method) => [
    method.method,
    method.tokenBudget === null ? "-" : formatCount(method.tokenBudget),
    formatCount(method.attended),
    share(method.mass),
    share(Math.min(...method.heads.map((head) => head.mass))),
    share(method.recall),
    ...(analysis.needle === null ? [] : [share(method.needleCached), share(method.needleAttended)]),
  ]);
  writeLine(textTable(["method", "budget", "attended", "mass", "least mass", "recall", ...needle], rows));

  const names = analysis.methods.map(label);
  writeLine("\nTokens attended by both, of those attended by either:");
  writeLine(textTable(["", ...names], names.map((name, i) => [name, ...analysis.overlap[i]!.map(share)])));

  const { k, steps } = analysis.uniqueTopK;
  writeLine(
    `\n${engine.source.name} on ${engine.device.name}: ${plural(analysis.promptTokens, "prompt token")}, ` +
      `${plural(steps.length, "step")}.\n` +
      "mass: of the full softmax, on what was attended; recall: of the truly best tokens, as many as were attended.\n" +
      `The true top ${k} of a query head named ${formatCount(steps[0]!)} different tokens in the first step and ` +
      `${formatCount(steps.at(-1)!)} in all.`,
  );
}
