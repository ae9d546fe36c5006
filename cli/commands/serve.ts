/** `rocketkv serve`: a model with a compressed cache behind OpenAI's API. */
import { type Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../lib/error.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { chatWorkload } from "../../lib/engine/workload.ts";
import { formatBudget } from "../../lib/methods/budget_spec.ts";
import type { Completed } from "../../lib/server/complete.ts";
import { startServer } from "../../lib/server/server.ts";
import { keyIn } from "../api_key.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import * as recipe from "../recipe.ts";
import { note } from "../ui/output.ts";
import { formatDuration, plural } from "../../lib/format.ts";

export function declare(command: Command): void {
  command
    .addOption(option.modelOption())
    .addOption(recipe.methodOption("rocketkv"))
    .addOption(recipe.budgetOption("1024"))
    .addOption(recipe.ratioOption())
    .addOption(recipe.setOption())
    .addOption(recipe.methodFileOption())
    .option("--host <address>", "address to listen on; 0.0.0.0 is every network this machine is in", "127.0.0.1")
    .addOption(
      new Option("--port <number>", "port to listen on, 0 = any that is free").default(8080).argParser(
        option.integer("--port", { max: 65535 }),
      ),
    )
    .option("--api-key-env <name>", "environment variable that holds the key which requests must carry")
    .option("--allow-anyone", "serve a network without a key", false)
    .option("--name <name>", "what clients call the model; the last part of --model without it")
    .addOption(
      new Option("-n, --new-tokens <count>", "most tokens of a chat's answer whose request does not say").default(512)
        .argParser(option.integer("--new-tokens", { min: 1 })),
    )
    .addOption(option.deviceOption())
    .addOption(option.threadsOption())
    .addOption(option.kvTypeOption())
    .addOption(option.chunkOption())
    .addOption(option.allowLongOption())
    .action(async (flags) => {
      const key = keyFrom(flags);
      const cacheRecipe = await recipe.recipeFrom(flags);
      const signal = interruptSignal();
      const prepared = await prepareEngine(flags);
      const session = { ...kvOptions(flags.kvType, prepared.source.config.headDim), chunkTokens: flags.chunk };
      const workload = chatWorkload(prepared.source.config, {
        recipe: cacheRecipe,
        newTokens: flags.newTokens,
        session,
      });
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal });
      const id = flags.name ?? flags.model.replace(/\/+$/, "").split("/").at(-1)!;
      const server = startServer({
        site: { engine, id, newTokens: flags.newTokens, allowLong: flags.allowLong },
        cache: { recipe: cacheRecipe, session },
        hostname: flags.host,
        port: flags.port,
        key,
        signal,
        onAnswer: (path, completed) => Deno.stderr.isTerminal() && note(answerLine(path, completed)),
        onDefect: (error) =>
          note(`This is a defect of rocketkv, please report it:\n${(error as Error).stack ?? error}`),
      });
      const { method, budget } = cacheRecipe;
      const how = method.ignoresBudget ? method.name : `${method.name}, budget ${formatBudget(budget)}`;
      note(`Serving ${id} with ${how} on http://${flags.host}:${server.port}/v1: Ctrl-C stops it`);
      await server.finished;
    });
}

/** @throws {UsageError} for a variable without a key, and for a network that anyone in it could use the model from. */
function keyFrom({ apiKeyEnv, host, allowAnyone }: {
  apiKeyEnv?: string | undefined;
  host: string;
  allowAnyone: boolean;
}): string | null {
  if (apiKeyEnv !== undefined) return keyIn(apiKeyEnv);
  if (allowAnyone || /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(host)) return null;
  throw new UsageError(
    `Cannot serve on ${host} without a key: anyone who reaches it could use the model: pass --api-key-env and the ` +
      "environment variable that holds one, or --allow-anyone",
  );
}

/** `/v1/completions: 512 prompt tokens and 32 new ones, the first after 1.35 s` */
function answerLine(path: string, { promptTokens, newTokens, record }: Completed): string {
  const first = record === null ? "" : `, the first after ${formatDuration(record.ttftMs)}`;
  return `${path}: ${plural(promptTokens, "prompt token")} and ${plural(newTokens, "new one")}${first}`;
}
