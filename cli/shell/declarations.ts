/** All commands as data, for what is written from them: completions of shells and the manual. */
import { type Argument, Command, type Option } from "@commander-js/extra-typings";
import { methods, wrappers } from "../../lib/methods/registry.ts";
import { commands } from "../commands.ts";
import { optionHelp } from "../option_help.ts";

export interface Declaration {
  readonly name: string;
  readonly summary: string;
  /** As they are written after the name: `[names...]`. */
  readonly usage: string;
  readonly arguments: readonly DeclaredArgument[];
  readonly options: readonly DeclaredOption[];
}

export interface DeclaredArgument {
  readonly name: string;
  readonly help: string;
  readonly value: Value;
}

export interface DeclaredOption {
  readonly long: string;
  readonly short: string | null;
  /** As it is declared: `-m, --model <name>`. */
  readonly usage: string;
  /** Its help up to the first details. */
  readonly summary: string;
  /** With default and choices. */
  readonly help: string;
  /** Null for a switch. */
  readonly value: Value | null;
}

/** What can stand in a place. `list`: several words, separated by commas. */
export type Value =
  | { readonly kind: "files" | "folders" | "text" }
  | { readonly kind: "words"; readonly words: readonly string[]; readonly list: boolean };

/** Options that every command has. */
export const HELP: DeclaredOption = {
  long: "--help",
  short: "-h",
  usage: "-h, --help",
  summary: "print this help",
  help: "print this help",
  value: null,
};

/** Every command with its options, in the order of the help. */
export async function readDeclarations(): Promise<Declaration[]> {
  return await Promise.all(commands.map(async ({ name, summary, load }) => {
    const command = new Command(name);
    (await load()).declare(command);
    const shown = command.options.filter(({ hidden }) => !hidden);
    return {
      name,
      summary,
      usage: command.registeredArguments.map(argumentUsage).join(" "),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        help: argument.description,
        value: valueOf(name === "methods" ? "--method name" : argument.name(), argument.argChoices),
      })),
      options: [...shown.map(declaredOption), HELP],
    };
  }));
}

function declaredOption(option: Option): DeclaredOption {
  const takesValue = option.required || option.optional;
  const value = option.flags.match(/[<[]([^>\]]+)[>\]]/)?.[1] ?? "";
  return {
    long: option.long!,
    short: option.short ?? null,
    usage: option.flags,
    summary: option.description.split(/[:;]/)[0]!,
    help: optionHelp(option),
    value: takesValue ? valueOf(`${option.long} ${value}`, option.argChoices) : null,
  };
}

/** @param name  What the declaration calls the value: `path`, `--out folder`, ... */
function valueOf(name: string, choices?: readonly string[]): Value {
  if (choices !== undefined) return { kind: "words", words: choices, list: false };
  if (/^--method names?$/.test(name)) return { kind: "words", words: METHODS, list: name.endsWith("s") };
  if (/folder|dir/.test(name)) return { kind: "folders" };
  // A model is a name, a folder or a file; only the last two can be looked up by a shell.
  return { kind: /path|file|model|run/.test(name) ? "files" : "text" };
}

const METHODS = [...methods, ...wrappers].map(({ name }) => name);

function argumentUsage(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
