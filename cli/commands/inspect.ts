/** `rocketkv inspect`: what a model is, and what its cache will cost, without loading any weights. */
import { type Command, Option } from "@commander-js/extra-typings";
import { describeModel } from "../../lib/engine/description.ts";
import { forecast } from "../../lib/engine/forecast.ts";
import { resolveModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { loadText } from "../../lib/text/load_text.ts";
import * as option from "../options.ts";
import * as recipe from "../recipe.ts";
import { writeJson, writeLine } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .argument("[model]", "name of a pulled model, folder or GGUF file", "smollm2")
    .option("--plan", "also say what a method will keep, store and read at several budgets", false)
    .addOption(recipe.methodOption("rocketkv"))
    .addOption(recipe.budgetsOption("128,256,512,1024,2048,4096"))
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .addOption(
      new Option("--context <tokens>", "prompt length of the plan; the model's own without it").argParser(
        option.integer("--context", { min: 1 }),
      ),
    )
    .addOption(option.newTokensOption())
    .addOption(option.kvTypeOption())
    .option("--json", "print one record", false)
    .action(async (name, flags) => {
      const recipes = await recipe.recipesFrom({ ...flags, method: [flags.method] });
      const source = await openModel(await resolveModel(name));
      const model = describeModel(source, loadText(source.text));
      const { newTokens, kvType } = flags;
      const context = flags.context ?? Math.max(1, source.config.contextLength - newTokens);
      const plans = flags.plan ? recipes.map((one) => forecast(source, one, { context, newTokens, kvType })) : [];
      if (flags.json) return writeJson({ ...model, ...(flags.plan && { plans }) });
      const { modelTable, planTable } = await import("../ui/model_tables.ts");
      writeLine(modelTable(model));
      if (flags.plan) writeLine(`\n${planTable(plans)}`);
    });
}
