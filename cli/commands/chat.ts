/** `rocketkv chat`: turn after turn on one compressed history, in a terminal or from lines on stdin. */
import type { Command } from "@commander-js/extra-typings";
import { Conversation } from "../../lib/engine/conversation.ts";
import { kvOptions } from "../../lib/engine/kv_options.ts";
import { chatWorkload } from "../../lib/engine/workload.ts";
import { RunError } from "../../lib/error.ts";
import type { Sampler } from "../../lib/native/sampler.ts";
import { runChatCommand } from "../chat_command.ts";
import { interruptSignal } from "../interrupt.ts";
import { loadEngine, prepareEngine } from "../open_engine.ts";
import * as option from "../options.ts";
import * as recipe from "../recipe.ts";
import * as sampling from "../sampling.ts";
import { readLines } from "../ui/lines.ts";
import { note, write } from "../ui/output.ts";
import { prefillProgress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .option("--system <text>", "system message in front of the conversation")
    .option("--load <path>", "go on with a conversation that /save wrote")
    .addOption(option.modelOption())
    .addOption(option.newTokensOption(512))
    .addOption(recipe.methodOption("rocketkv-mt"))
    .addOption(recipe.budgetOption("1024"))
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
    .action(async (flags) => {
      const cacheRecipe = await recipe.recipeFrom(flags);
      const answers = new AnswerControl();
      const leave = interruptSignal(() => answers.stop());
      const prepared = await prepareEngine(flags);
      const session = { ...kvOptions(flags.kvType, prepared.source.config.headDim), chunkTokens: flags.chunk };
      const workload = chatWorkload(prepared.source.config, {
        recipe: cacheRecipe,
        newTokens: flags.newTokens,
        session,
      });
      using engine = await loadEngine(prepared, { threads: flags.threads, workload, signal: leave });
      using conversation = new Conversation(engine, {
        recipe: cacheRecipe,
        system: flags.system,
        session,
        allowLong: flags.allowLong,
      });
      if (flags.load !== undefined) await runChatCommand(conversation, `/load ${flags.load}`);
      const terminal = Deno.stdin.isTerminal();
      if (terminal) note(`${engine.source.name} on ${engine.device.name}. /help lists what else can be typed.`);
      for await (const line of readLines({ prompt: terminal ? "> " : "", signal: leave })) {
        try {
          if (line.trim() === "") continue;
          if (line.startsWith("/")) {
            if (await runChatCommand(conversation, line.trim()) === "exit") break;
          } else {
            await say(conversation, line, answers, {
              sampler: sampling.samplerFrom(flags),
              newTokens: flags.newTokens,
            });
          }
        } catch (error) {
          // In a terminal a mistake is no reason to lose the conversation; a script wants to know at once.
          if (!(terminal && error instanceof RunError)) throw error;
          note(error.message);
        }
      }
      leave.throwIfAborted();
    });
}

async function say(
  conversation: Conversation,
  message: string,
  answers: AnswerControl,
  options: { sampler: Sampler; newTokens: number },
): Promise<void> {
  using progress = prefillProgress(conversation.engine.config.nLayers);
  const signal = answers.start();
  try {
    await conversation.turn(message, {
      ...options,
      signal,
      onPrefill: (done, total) => progress.update(done, total),
      onText: (text) => {
        progress[Symbol.dispose]();
        write(text);
      },
    });
    write("\n");
  } catch (error) {
    if (!signal.aborted) throw error;
    note("Stopped before the answer began: the message is not in the history");
  } finally {
    answers.end();
  }
}

/** Ctrl-C stops the answer that runs; without one, or with one that is stopping already, it means to leave. */
class AnswerControl {
  #running: AbortController | null = null;

  start(): AbortSignal {
    this.#running = new AbortController();
    return this.#running.signal;
  }

  end(): void {
    this.#running = null;
  }

  /** @returns Whether there was an answer to stop. */
  stop(): boolean {
    if (this.#running === null || this.#running.signal.aborted) return false;
    this.#running.abort();
    return true;
  }
}
