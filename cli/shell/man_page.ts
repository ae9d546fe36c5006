/** The manual, in the macros of man(7). */
import config from "../../deno.json" with { type: "json" };
import type { Declaration } from "./declarations.ts";

/** `rocketkv.1`. It has no date: the same commands have the same manual. */
export function manPage(declarations: readonly Declaration[]): string {
  return [
    `.TH ROCKETKV 1 "" "rocketkv ${config.version}" "User Commands"`,
    ".SH NAME",
    "rocketkv \\- long-context LLM inference with a compressed KV cache",
    ".SH SYNOPSIS",
    ".B rocketkv",
    ".I command",
    "[\\fIoption\\fR ...] [\\fIargument\\fR ...]",
    ".br",
    ".B rocketkv",
    "\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR",
    ".SH DESCRIPTION",
    "Runs long-context LLMs with a compressed KV cache, and measures what compression costs.",
    "Text goes to standard output, everything that is said about it to standard error.",
    ".SH COMMANDS",
    ...declarations.flatMap(commandLines),
    ".SH EXIT STATUS",
    ...EXIT_STATUS.flatMap(([code, meaning]) => item(bold(code), meaning)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => item(bold(name), meaning)),
    "",
  ].join("\n");
}

const EXIT_STATUS = [
  ["0", "The work is done."],
  ["1", "The run could not go on."],
  ["2", "The command line cannot be used."],
  ["70", "A defect of rocketkv."],
  ["130, 143", "Stopped by Ctrl-C or by kill(1)."],
  ["141", "The reader of standard output went away."],
] as const;

const ENVIRONMENT = [
  ["ROCKETKV_HOME", "Folder of pulled models and data. Default: $XDG_CACHE_HOME/rocketkv, else ~/.cache/rocketkv."],
  [
    "ROCKETKV_CACHE",
    "Folder that the one-file program unpacks itself to. Default: program in $XDG_CACHE_HOME/rocketkv or " +
    "~/.cache/rocketkv, and where these cannot be written, a folder of the user in $TMPDIR or /tmp.",
  ],
  ["HF_ENDPOINT", "Address of the hub that models come from."],
  ["HF_TOKEN", "Token for models that the hub gives only to those who have asked for them."],
  ["NO_COLOR, FORCE_COLOR", "Never or always use colours."],
] as const;

function commandLines({ name, summary, usage, arguments: args, options }: Declaration): string[] {
  return [
    `.SS ${text(`rocketkv ${name} [option ...] ${usage}`.trimEnd())}`,
    text(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`),
    ...args.flatMap((argument) => item(`\\fI${text(argument.name)}\\fR`, argument.help)),
    ...options.flatMap((option) => item(bold(option.usage), option.help)),
  ];
}

const item = (tag: string, help: string) => [".TP", tag, text(help)];

const bold = (words: string) => `\\fB${text(words)}\\fR`;

/** Signs that roff would read are written so that they stay as they are. */
function text(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&").replaceAll("\n", " ");
}
