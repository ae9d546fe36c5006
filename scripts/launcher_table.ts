/**
 * Writes the launcher's table of commands to stdout: what each may do (`cli/permissions.ts`), and which of its options
 * take a value, which the launcher has to know to tell values from arguments.
 */
import { Command, type Option } from "@commander-js/extra-typings";
import { commands } from "../cli/commands.ts";
import { CHARTS, CHINESE, ENVIRONMENT, type Needs, permissions, type Place } from "../cli/permissions.ts";

/** The table's text: one initialiser of `launcher::Command` a line, the first of them for no command. */
export async function launcherTable(): Promise<string> {
  const lines = [initialiser("", {}, [])];
  for (const { name, load } of commands) {
    const needs = permissions[name];
    if (needs === undefined) throw new Error(`Cannot start ${name}: it has no entry in cli/permissions.ts`);
    const command = new Command(name);
    (await load()).declare(command);
    lines.push(initialiser(name, needs, command.options));
  }
  return lines.join("");
}

const CONNECTS = { anywhere: "kAnywhere", endpoint: "kEndpoint", host: "kHost", nowhere: "kNowhere" } as const;

function initialiser(name: string, needs: Needs, options: readonly Option[]): string {
  const { writes = [], connects = "nowhere", runs = [] } = needs;
  const modules = [...(needs.charts ? [CHARTS] : []), ...(needs.chinese ? [CHINESE] : [])];
  const facts = new Set([needs, ...modules].flatMap(({ asks = [] }) => asks));
  const variables = new Set([...ENVIRONMENT, ...[needs, ...modules].flatMap(({ reads = [] }) => reads)]);
  const fields = {
    name: text(name),
    environment: text([...variables].join(",")),
    programs: text(runs.join(",")),
    facts: text([...facts].join(",")),
    connects: `Command::${CONNECTS[connects]}`,
    modules: String(modules.length > 0),
    writes_anywhere: String(writes === "anywhere"),
    places: braces(writes === "anywhere" ? [] : writes.map(placeInitialiser)),
    options: braces(options.filter(({ required, optional }) => required || optional).map(optionInitialiser)),
  };
  return `{${Object.entries(fields).map(([field, value]) => `.${field} = ${value}`).join(", ")}},\n`;
}

function placeInitialiser(place: Place): string {
  if ("cache" in place) return `{.kind = Place::kCache, .part = ${text(place.cache)}}`;
  if ("argument" in place) return `{.kind = Place::kArgument, .argument = ${place.argument}}`;
  const { option, otherwise = "" } = place;
  return `{.kind = Place::kOption, .option = ${text(option)}, .otherwise = ${text(otherwise)}}`;
}

function optionInitialiser(option: Option): string {
  const { long, short, optional, variadic, flags } = option;
  if (variadic) throw new Error(`Cannot start a command with "${flags}": the launcher reads one value an option`);
  return `{${text(long ?? "")}, ${text(short ?? "")}, ${optional}}`;
}

const braces = (items: readonly string[]) => `{${items.join(", ")}}`;

/** A C++ string: JSON's escapes are C++'s, as far as names of options go. */
const text = (value: string) => JSON.stringify(value);

if (import.meta.main) await Deno.stdout.write(new TextEncoder().encode(await launcherTable()));
