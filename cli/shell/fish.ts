/** Completions for fish. */
import type { Declaration, DeclaredOption, Value } from "./declarations.ts";

/** A file `rocketkv.fish` in a folder of completions. */
export function fishCompletions(declarations: readonly Declaration[]): string {
  const names = declarations.map(({ name }) => name);
  const first = "-n __fish_use_subcommand";
  return [
    "# Completions of rocketkv for fish.",
    "complete -c rocketkv -f",
    `complete -c rocketkv ${first} -s h -l help -d 'print this help'`,
    `complete -c rocketkv ${first} -s V -l version -d 'print the version'`,
    ...declarations.map(({ name, summary }) => `complete -c rocketkv ${first} -a ${name} -d ${quote(summary)}`),
    `complete -c rocketkv ${first} -a help -d 'print the help of a command'`,
    `complete -c rocketkv -n '__fish_seen_subcommand_from help' -a '${names.join(" ")}'`,
    ...declarations.flatMap(commandLines),
    "",
  ].join("\n");
}

function commandLines({ name, arguments: [argument], options }: Declaration): string[] {
  const seen = `complete -c rocketkv -n '__fish_seen_subcommand_from ${name}'`;
  const values = argument === undefined ? "" : valueFlags(argument.value);
  return [
    ...(values === "" ? [] : [`${seen} ${values}`]),
    ...options.map((option) => `${seen} ${optionFlags(option)}`),
  ];
}

function optionFlags({ long, short, summary, value }: DeclaredOption): string {
  const names = `${short === null ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  const values = value === null ? "" : ` -r ${valueFlags(value)}`.trimEnd();
  return `${names}${values} -d ${quote(summary)}`;
}

/** Files are off for all of it, and on where they can stand. */
function valueFlags(value: Value): string {
  switch (value.kind) {
    case "files":
      return "-F";
    case "folders":
      return "-a '(__fish_complete_directories)'";
    case "words":
      return value.list ? `-a '(__fish_append , ${value.words.join(" ")})'` : `-a '${value.words.join(" ")}'`;
    case "text":
      return "";
  }
}

const quote = (text: string) => `'${text.replaceAll(/['\\]/g, (sign) => `\\${sign}`)}'`;
