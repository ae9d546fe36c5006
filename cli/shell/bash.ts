/** Completions for bash. */
import type { Declaration, DeclaredOption, Value } from "./declarations.ts";

/** A script that bash reads: `source <(rocketkv completions bash)`. */
export function bashCompletions(declarations: readonly Declaration[]): string {
  return `# Completions of rocketkv for bash.
_rocketkv() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= word
  # bash takes --name=value apart into three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    if [[ $word != -* ]]; then
      command=$word
      break
    fi
  done
  COMPREPLY=()
  case $command in
    '') _rocketkv_words '${[...declarations.map(({ name }) => name), "help", "--help", "--version"].join(" ")}' ;;
    help) _rocketkv_words '${declarations.map(({ name }) => name).join(" ")}' ;;
${declarations.map(commandCase).join("")}  esac
}

# Words that begin as the current one does.
_rocketkv_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

# The same for the last of several words, separated by commas.
_rocketkv_list() {
  local before=
  if [[ $current == *,* ]]; then before=\${current%,*},; fi
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "\${current##*,}")
}

# Files (-f) or folders (-d).
_rocketkv_paths() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
  compopt -o filenames 2> /dev/null # quotes what needs it
}

complete -F _rocketkv rocketkv
`;
}

function commandCase({ name, arguments: [argument], options }: Declaration): string {
  const flags = options.flatMap(({ long, short }) => short === null ? [long] : [long, short]);
  const byAction = Map.groupBy(options.filter(({ value }) => value !== null), ({ value }) => action(value!));
  const cases = [...byAction].map(([action, options]) => `        ${options.map(names).join(" | ")}) ${action} ;;\n`);
  return `    ${name})
      case $previous in
${cases.join("")}        *)
          if [[ $current == -* ]]; then
            _rocketkv_words '${flags.join(" ")}'
          else
            ${action(argument?.value ?? { kind: "text" })}
          fi
          ;;
      esac
      ;;
`;
}

const names = ({ long, short }: DeclaredOption) => short === null ? long : `${short} | ${long}`;

function action(value: Value): string {
  switch (value.kind) {
    case "files":
      return "_rocketkv_paths -f";
    case "folders":
      return "_rocketkv_paths -d";
    case "words":
      return `_rocketkv_${value.list ? "list" : "words"} '${value.words.join(" ")}'`;
    case "text":
      return ":"; // nobody knows
  }
}
