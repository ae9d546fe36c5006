/** `rocketkv fidelity`: how far a compressed cache's next-token distributions are from the full cache's. */
import { type Command, Option } from "@commander-js/extra-typings";
import type { Engine } from "../../lib/engine/engine.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { encodePrompt } from "../../lib/engine/prompt.ts";
import { forksWorkload } from "../../lib/engine/workload.ts";
import { measureFidelity, type PromptResult } from "../../lib/fidelity/run.ts";
import { type FidelityTable, gather } from "../../lib/fidelity/table.ts";
import { textWindows } from "../../lib/fidelity/windows.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import { readPrompt } from "../prompt_text.ts";
import * as recipe from "../recipe.ts";
import { formatBytes, formatCount, formatPercent, threeDigits } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .addOption(new Option("-p, --prompt <text>", "prompt; - reads stdin").conflicts("file"))
    .option("-f, --file <path>", "file with the prompt, or with a text that prompts are cut out of; - reads stdin")
    .addOption(
      new Option("--context <tokens>", "cut prompts of this length out of the text; without it the text is the prompt")
        .argParser(option.integer("--context", { min: 1 })),
    )
    .addOption(
      new Option("--samples <count>", "prompts that are cut out").default(1).argParser(
        option.integer("--samples", { min: 1 }),
      ),
    )
    .addOption(option.modelOption())
    .addOption(recipe.methodsOption("rocketkv,hsa,snapkv,quest,sparq,streaming"))
    .addOption(recipe.budgetsOption("256"))
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .addOption(
      new Option("-n, --steps <count>", "next-token distributions that are compared").default(64).argParser(
        option.integer("--steps", { min: 1 }),
      ),
    )
    .option("--continuation <path>", "text that is fed, instead of what the full cache prefers")
    .addOption(
      new Option("--decode-tail <tokens>", "last prompt tokens fed as decode steps: eviction cannot see them")
        .default(0).argParser(option.integer("--decode-tail")),
    )
    .addOption(option.deviceOption())
    .addOption(option.threadsOption())
    .addOption(option.kvTypeOption())
    .addOption(option.allowLongOption())
    .addOption(new Option("--json", "print one record").default(false).conflicts("markdown"))
    .option("--markdown", "print a Markdown table", false)
    .action(async (flags) => {
      const recipes = await recipe.recipesFrom(flags);
      const text = await readPrompt(flags);
      const follow = flags.continuation === undefined ? null : await readPrompt({ file: flags.continuation });
      const signal = interruptSignal();
      const prepared = await prepareEngine(flags);
      const { tokenizer } = prepared.text;
      const ids = flags.context === undefined ? encodePrompt(prepared.text, text) : tokenizer.encode(text);
      const prompts = textWindows(ids, flags.context ?? null, flags.samples);
      const continuation = follow === null ? undefined : tokenizer.encode(follow, { bos: false });
      const steps = Math.min(flags.steps, continuation?.length ?? flags.steps);
      const { config } = prepared.source;
      const session = kvOptions(flags.kvType, config.headDim);
      const workload = forksWorkload(config, prompts[0]!.length, { recipes, steps, session });
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal });
      const results: PromptResult[] = [];
      {
        using progress = new Progress("fidelity");
        for (const [i, promptIds] of prompts.entries()) {
          results.push(
            await measureFidelity(engine, {
              promptIds,
              recipes,
              steps,
              ...(continuation && { continuation }),
              decodeTail: flags.decodeTail,
              session,
              allowLong: flags.allowLong,
              signal,
              onProgress: (done, total) => progress.update(i * total + done, prompts.length * total),
            }),
          );
        }
      }
      const table = gather(recipes, results);
      const promptTokens = prompts[0]!.length;
      if (flags.json) {
        writeJson({
          model: engine.source.name,
          device: engine.device.name,
          kvType: flags.kvType,
          promptTokens,
          ...table,
        });
      } else await print(engine, promptTokens, table, flags.markdown);
    });
}

async function print(engine: Engine, promptTokens: number, table: FidelityTable, markdown: boolean): Promise<void> {
  const { markdownTable, textTable } = await import("../ui/table.ts");
  const head = ["method", "budget", "read", "stored", "KL", "KL p95", "top-1", "top-1 clear", "nll +", "agrees for"];
  const cells = table.rows.map((row) => [
    row.method,
    formatCount(row.tokenBudget),
    formatCount(row.measuredBudget),
    formatBytes(row.kvBytes + row.auxBytes),
    nats(row.kl, row.klError),
    row.klP95.toPrecision(3),
    formatPercent(row.top1),
    row.top1Clear === null ? "-" : formatPercent(row.top1Clear),
    nats(row.nllDifference, row.nllDifferenceError),
    threeDigits(row.agreeingSteps),
  ]);
  writeLine((markdown ? markdownTable : textTable)(head, cells));
  const { noise } = table;
  writeLine(
    `\n${engine.source.name} on ${engine.device.name}: ${table.prompts} ${
      table.prompts === 1 ? "prompt" : "prompts"
    } ` +
      `of ${formatCount(promptTokens)} tokens, ${
        noise.steps / table.prompts
      } steps each. KL of full to compressed in ` +
      `nats; the full cache against itself: KL ${noise.kl.toPrecision(2)}, top-1 ${formatPercent(noise.top1)}. ` +
      `read: tokens per KV head and step, scoring included.`,
  );
}

function nats(value: number, error: number | null): string {
  return value.toPrecision(3) + (error === null ? "" : ` ± ${error.toPrecision(2)}`);
}
