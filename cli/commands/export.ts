/** `rocketkv export`: the numbers of a plan as another engine's configuration. */
import { Argument, type Command, Option } from "@commander-js/extra-typings";
import config from "../../deno.json" with { type: "json" };
import type { PlanShape } from "../../lib/engine/recipe.ts";
import { UsageError } from "../../lib/error.ts";
import { KT_CACHE_DTYPES, trtllmConfig, trtllmYaml } from "../../lib/export/trtllm.ts";
import { formatBudget } from "../../lib/methods/budget_spec.ts";
import { resolveModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { writing } from "../../lib/model/writing.ts";
import * as option from "../options.ts";
import * as recipe from "../recipe.ts";
import { note, write } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .addArgument(
      new Argument("<engine>", "trtllm: sparse_attention_config of TensorRT-LLM").choices(["trtllm"] as const),
    )
    .addOption(recipe.methodOption("rocketkv"))
    .addOption(recipe.budgetOption("1024"))
    .addOption(recipe.ratioOption())
    .addOption(recipe.setOption())
    .option("-m, --model <name>", "pulled model, folder or GGUF file whose shape and context length count")
    .addOption(
      new Option("--head-dim <dims>", "without --model: length of one head's vector").default(128).conflicts("model")
        .argParser(option.integer("--head-dim", { min: 1, max: 256 })),
    )
    .addOption(
      new Option("--context <tokens>", "prompt length that the plan is for; the model's own without it").argParser(
        option.integer("--context", { min: 1 }),
      ),
    )
    .addOption(option.newTokensOption())
    .addOption(
      new Option("--kt-cache-dtype <type>", "element type of the page bounds").choices(KT_CACHE_DTYPES)
        .default("float8_e5m2" as const),
    )
    .option("--out <path>", "file to write; stdout without it")
    .action(async (_engine, flags) => {
      const cache = await recipe.recipeFrom({ ...flags, methodFile: [] });
      if (cache.method.name !== "rocketkv") {
        throw new UsageError(
          `Cannot export method "${cache.method.name}" to TensorRT-LLM: expected rocketkv, the only one of ours that it has`,
        );
      }
      const { newTokens, ktCacheDtype } = flags;
      const shape = await shapeOf(flags);
      const promptTokens = flags.context ?? Math.max(1, shape.contextLength - newTokens);
      const made = trtllmConfig(cache, { shape, promptTokens, newTokens, ktCacheDtype });
      const origin =
        `rocketkv ${config.version}: budget ${formatBudget(cache.budget)}, prompts of ${promptTokens} tokens, ` +
        `${newTokens} new ones, head dim ${shape.headDim}.`;
      const yaml = trtllmYaml(made, origin);
      const { out } = flags;
      if (out === undefined) write(yaml);
      else await writing(out, () => Deno.writeTextFile(out, yaml));
      for (const one of made.notes) note(`Differs from rocketkv: ${one}`);
    });
}

async function shapeOf(
  { model, headDim, context }: { model?: string; headDim: number; context?: number },
): Promise<PlanShape & { contextLength: number }> {
  if (model !== undefined) return (await openModel(await resolveModel(model))).config;
  if (context === undefined) {
    throw new UsageError(
      "Cannot plan without a prompt length: expected --context <tokens> or --model <name>, found none",
    );
  }
  return { headDim, nHeads: 1, nKvHeads: 1, nLayers: 1, contextLength: context }; // RocketKV's numbers need no more
}
