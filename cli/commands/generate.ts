/** `rocketkv generate`: continue one prompt and say what it cost. */
import { type Command, Option } from "@commander-js/extra-typings";
import { type Engine } from "../../lib/engine/engine.ts";
import { generate, type GenerateRecord } from "../../lib/engine/generate.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { encodePrompt } from "../../lib/engine/prompt.ts";
import { generateWorkload } from "../../lib/engine/workload.ts";
import { interruptSignal } from "../interrupt.ts";
import * as option from "../options.ts";
import { readPrompt } from "../prompt_text.ts";
import * as recipe from "../recipe.ts";
import * as sampling from "../sampling.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import { prefillProgress } from "../ui/progress.ts";
import { note, write, writeJson } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .addOption(option.promptOption())
    .addOption(option.promptFileOption())
    .addOption(option.systemOption())
    .addOption(option.rawOption())
    .addOption(option.modelOption())
    .addOption(option.newTokensOption())
    .addOption(recipe.methodOption("rocketkv"))
    .addOption(recipe.budgetOption("256"))
    .addOption(recipe.ratioOption())
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .addOption(option.deviceOption())
    .addOption(option.threadsOption())
    .addOption(sampling.temperatureOption())
    .addOption(sampling.topKOption())
    .addOption(sampling.topPOption())
    .addOption(sampling.minPOption())
    .addOption(sampling.repeatPenaltyOption())
    .addOption(sampling.seedOption())
    .addOption(option.kvTypeOption())
    .addOption(option.chunkOption())
    .addOption(option.allowLongOption())
    .option("--ignore-eos", "go on after the end of the text", false)
    .option("--stats", "say on stderr what it cost", false)
    .option("--json", "print one record instead of the text", false)
    .addOption(
      new Option("--logprobs <count>", "most likely candidates of every token, in the record").default(0).argParser(
        option.integer("--logprobs", { max: 1000 }),
      ),
    )
    .action(async (flags) => {
      const cacheRecipe = await recipe.recipeFrom(flags);
      const prompt = await readPrompt(flags);
      const signal = interruptSignal();
      const prepared = await prepareEngine(flags);
      const promptIds = encodePrompt(prepared.text, prompt, flags);
      const request = {
        recipe: cacheRecipe,
        newTokens: flags.newTokens,
        session: { ...kvOptions(flags.kvType, prepared.source.config.headDim), chunkTokens: flags.chunk },
      };
      const workload = generateWorkload(prepared.source.config, promptIds.length, request);
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal });
      using progress = prefillProgress(engine.config.nLayers);
      let last = "";
      const record = await generate(engine, {
        ...request,
        promptIds,
        sampler: sampling.samplerFrom(flags),
        continues: flags.raw || engine.text.chat === null,
        ignoreEos: flags.ignoreEos,
        allowLong: flags.allowLong,
        logprobs: flags.logprobs,
        signal,
        onPrefill: (done, total) => progress.update(done, total),
        onText: (text) => {
          progress[Symbol.dispose]();
          last = text;
          if (!flags.json) write(text);
        },
      });
      if (flags.json) writeJson(describe(engine, record));
      else if (!last.endsWith("\n")) write("\n");
      if (flags.stats) note((await import("../ui/cost_table.ts")).costTable(engine, record));
      signal.throwIfAborted();
    });
}

/** The record with what it was made on, and the tokens of `logprobs` as the vocabulary writes them. */
function describe(engine: Engine, { logprobs, ...record }: GenerateRecord) {
  const { tokenizer } = engine.text;
  return {
    model: engine.source.name,
    device: engine.device.name,
    threads: engine.model.usage().threads,
    loadMs: engine.loadMs,
    promptTokens: record.promptIds.length,
    generatedTokens: record.generatedIds.length,
    ...record,
    ...(logprobs.length > 0 && {
      logprobs: logprobs.map(({ id, logprob, top }) => ({
        id,
        piece: tokenizer.piece(id),
        logprob,
        top: top.map((candidate) => ({ ...candidate, piece: tokenizer.piece(candidate.id) })),
      })),
    }),
  };
}
