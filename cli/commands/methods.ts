/** `rocketkv methods`: what can be done to a cache, and the numbers of one method that `--set` changes. */
import type { Command } from "@commander-js/extra-typings";
import type { Method } from "../../lib/methods/method.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { factTable } from "../ui/table.ts";

export function declare(command: Command): void {
  command
    .argument("[name]", "one method, with its parameters")
    .option("--json", "print one record per method", false)
    .action((name, { json }) => {
      const shown = name === undefined ? methods : [findMethod(name)];
      if (json) { for (const { plan: _, ...method } of shown) writeJson(method); }
      else writeLine(name === undefined ? summaries() : details(shown[0]!));
    });
}

function summaries(): string {
  return factTable(methods.map(({ name, summary }) => [name, summary]));
}

function details({ name, summary, paper, parameters }: Method): string {
  const lines = parameters.map((parameter): [string, string] => [
    parameter.name,
    `${parameter.help} (${parameter.unit}; default: ${parameter.default})`,
  ]);
  return `${name}: ${summary}\n${paper}\n\n--set can change:\n${factTable(lines)}`;
}
