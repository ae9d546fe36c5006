/** `rocketkv`: argv to command to exit code. The only place that ends the process. */
import { Command } from "@commander-js/extra-typings";
import { commands } from "./commands.ts";
import { describeFailure, EXIT } from "./failure.ts";
import { optionHelp } from "./option_help.ts";
import { note, write } from "./ui/output.ts";
import { versionText } from "./version.ts";

/** Run one command line. @returns The exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await buildProgram(args);
    if (args.length === 0) {
      note(program.helpInformation().trimEnd());
      return EXIT.usage;
    }
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    const { code, message } = describeFailure(error);
    if (message) note(message);
    return code;
  }
}

/** All commands by name and summary; the one that the words name also with its options and action. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("rocketkv")
    .description("Long-context LLM inference with a compressed KV cache.")
    .version(versionText(), "-V, --version", "print the version, and what it was built from and for")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureHelp({ optionDescription: optionHelp })
    .configureOutput({
      writeOut: write,
      outputError: () => {}, // describeFailure() says it
      getOutHasColors: () => Deno.stdout.isTerminal() && !Deno.noColor,
      getErrHasColors: () => Deno.stderr.isTerminal() && !Deno.noColor,
    });
  const [named] = args.filter((word) => word !== "help" && !word.startsWith("-"));
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary).helpOption("-h, --help", "print this help");
    if (name === named) (await load()).declare(command);
  }
  return program;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
