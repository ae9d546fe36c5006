/** `rocketkv fidelity`: how far a compressed cache's next-token distributions are from the full cache's. */
import { type Command, Option } from "@commander-js/extra-typings";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { encodePrompt } from "../../lib/engine/prompt.ts";
import { forksWorkload } from "../../lib/engine/workload.ts";
import { measureFidelity, type PromptResult } from "../../lib/fidelity/run.ts";
import { type FidelityTable, gather } from "../../lib/fidelity/table.ts";
import { cutPrompts } from "../../lib/fidelity/windows.ts";
import { RunError, UsageError } from "../../lib/error.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import { readPrompt } from "../prompt_text.ts";
import * as recipe from "../recipe.ts";
import { formatBytes, formatCount, formatPercent, plural, threeDigits, withError } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .addOption(option.promptOption())
    .addOption(option.promptFileOption("file with the prompt, or with a text that prompts are cut out of"))
    .addOption(option.systemOption())
    .addOption(option.rawOption())
    .addOption(
      new Option("--context <tokens>", "cut prompts of this length out of the text; without it the text is the prompt")
        .conflicts(["system", "raw"]).argParser(option.integer("--context", { min: 1 })),
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
    .option("--continuation <path>", "file with a text that is fed, instead of what the full cache prefers")
    .addOption(option.deviceOption())
    .addOption(option.threadsOption())
    .addOption(option.kvTypeOption())
    .addOption(option.allowLongOption())
    .addOption(new Option("--json", "print one record").default(false).conflicts("markdown"))
    .option("--markdown", "print a Markdown table", false)
    .action(async (flags) => {
      const recipes = await recipe.recipesFrom(flags);
      if (flags.samples > 1 && flags.context === undefined) {
        throw new UsageError("Cannot use --samples without --context: the whole text is one prompt");
      }
      const text = await readPrompt(flags);
      const follow = await readContinuation(flags.continuation);
      const signal = interruptSignal();
      const prepared = await prepareEngine(flags);
      const { tokenizer } = prepared.text;
      const prompts = flags.context === undefined
        ? [encodePrompt(prepared.text, text, flags)]
        : cutPrompts(tokenizer, text, flags.context, flags.samples);
      const continuation = follow === null ? null : tokenizer.encode(follow, { bos: false });
      const steps = Math.min(flags.steps, continuation?.length ?? flags.steps);
      const { config } = prepared.source;
      const session = kvOptions(flags.kvType, config.headDim);
      const promptTokens = prompts[0]!.length;
      const workload = forksWorkload(config, promptTokens, { recipes, steps, session });
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal });
      const results: PromptResult[] = [];
      {
        using progress = new Progress("fidelity");
        for (const [i, promptIds] of prompts.entries()) {
          const request = { promptIds, recipes, steps, session, allowLong: flags.allowLong, signal };
          const onProgress = (done: number, total: number) => progress.update(i * total + done, prompts.length * total);
          results.push(
            await measureFidelity(engine, { ...request, ...(continuation && { continuation }), onProgress }),
          );
        }
      }
      const table = gather(recipes, results);
      const about = { model: engine.source.name, device: engine.device.name, kvType: flags.kvType, promptTokens };
      if (flags.json) writeJson({ ...about, ...table });
      else await print(about, table, flags.markdown);
    });
}

/** @throws {UsageError} for stdin, {RunError} for a file that cannot be read or is empty. */
async function readContinuation(path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  if (path === "-") throw new UsageError("Cannot use --continuation -: expected a file");
  const text = await readPrompt({ file: path });
  if (text === "") {
    throw new RunError(`Cannot use --continuation: expected at least one character, found none in ${path}`);
  }
  return text;
}

async function print(
  about: { model: string; device: string; promptTokens: number },
  { prompts, noise, rows }: FidelityTable,
  markdown: boolean,
): Promise<void> {
  const { markdownTable, textTable } = await import("../ui/table.ts");
  const head = ["method", "budget", "read", "stored", "KL", "KL p95", "top-1", "top-1 clear", "nll +", "agrees for"];
  const cells = rows.map((row) => [
    row.method,
    row.tokenBudget === null ? "-" : formatCount(row.tokenBudget),
    row.measuredBudget === null ? "-" : formatCount(row.measuredBudget),
    formatBytes(row.kvBytes + row.auxBytes),
    nats(row.kl, row.klError),
    nats(row.klP95),
    formatPercent(row.top1),
    row.top1Clear === null ? "-" : formatPercent(row.top1Clear),
    nats(row.nllDifference, row.nllDifferenceError),
    threeDigits(row.agreeingSteps),
  ]);
  writeLine((markdown ? markdownTable : textTable)(head, cells));
  writeLine(
    `\n${about.model} on ${about.device}: ${plural(prompts, "prompt")} of ${plural(about.promptTokens, "token")}, ` +
      `${plural(noise.steps / prompts, "step")} each.\n` +
      `The full cache against itself: KL ${nats(noise.kl)}, top-1 ${formatPercent(noise.top1)}.\n` +
      "KL and nll in nats; read: tokens per KV head and step, scoring included; agrees for: steps.",
  );
}

/** Three digits that matter, however small, with the standard error where there is one. */
function nats(value: number, error: number | null = null): string {
  return withError(value === 0 ? "0" : value.toPrecision(3), error);
}
