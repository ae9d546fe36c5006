/** Completions for zsh. */
import type { Declaration, DeclaredArgument, DeclaredOption, Value } from "./declarations.ts";

/** A file for a folder of `fpath`, named `_rocketkv`. */
export function zshCompletions(declarations: readonly Declaration[]): string {
  const commands = declarations.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}\n`);
  return `#compdef rocketkv
# Completions of rocketkv for zsh.
_rocketkv() {
  local curcontext=$curcontext state line
  local -a commands=(
${commands.join("")}    'help:print the help of a command'
  )
  _arguments -C \\
    '(-h --help)'{-h,--help}'[print this help]' \\
    '(-V --version)'{-V,--version}'[print the version]' \\
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
        help) _describe command commands ;;
${declarations.map(commandCase).join("")}      esac
      ;;
  esac
}

if [[ $funcstack[1] == _rocketkv ]]; then
  _rocketkv "$@"
else
  compdef _rocketkv rocketkv
fi
`;
}

function commandCase({ name, arguments: args, options }: Declaration): string {
  const specs = [...options.map(optionSpec), ...args.map(argumentSpec)];
  return `        ${name})\n          _arguments -s ${
    specs.map((spec) => `\\\n            ${spec}`).join(" ")
  }\n          ;;\n`;
}

/** Every option may be repeated: some can be, and the command says it of the others. */
function optionSpec({ long, short, summary, value }: DeclaredOption): string {
  const rest = `[${escape(summary)}]${value === null ? "" : `:value:${action(value)}`}`;
  const spec = (name: string) => quote(`*${name}${value !== null && name === long ? "=" : ""}${rest}`);
  return [long, ...(short === null ? [] : [short])].map(spec).join(" ");
}

function argumentSpec({ name, help, value }: DeclaredArgument): string {
  return quote(`*:${escape(help || name)}:${action(value)}`);
}

function action(value: Value): string {
  switch (value.kind) {
    case "files":
      return "_files";
    case "folders":
      return "_files -/";
    case "words":
      return value.list ? `_sequence compadd - ${value.words.join(" ")}` : `(${value.words.join(" ")})`;
    case "text":
      return " ";
  }
}

/** Brackets and colons end parts of a specification. */
const escape = (text: string) => text.replaceAll(/[\\[\]:]/g, (sign) => `\\${sign}`);

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
