/** `rocketkv methods`: what can be done to a cache, and the numbers of one method that `--set` changes. */
import type { Command } from "@commander-js/extra-typings";
import type { Method } from "../../lib/methods/method.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";
import { writeJson, writeLine } from "../ui/output.ts";
import { factTable } from "../ui/table.ts";

export function declare(command: Command): void {
  command
    .argument("[name]", "one method or expression, with its parameters")
    .option("--json", "print one record per method", false)
    .action((name, { json }) => {
      const shown = name === undefined ? [...methods, ...wrappers] : [findMethod(name)];
      if (json) shown.forEach((one) => writeJson(one)); // functions are left out
      else writeLine(name === undefined ? summaries() : details(findMethod(name)));
    });
}

function summaries(): string {
  return factTable([
    ...methods.map(({ name, summary }): [string, string] => [name, summary]),
    ...wrappers.map(({ name, summary, inner }): [string, string] => [
      `${name}(method)`,
      `${summary}; ${name} alone is ${name}(${inner})`,
    ]),
  ]);
}

function details({ name, summary, paper, parameters, files = [] }: Method): string {
  const lines = parameters.map((parameter): [string, string] => [
    parameter.name,
    `${parameter.help} (${parameter.unit}; default: ${parameter.default})`,
  ]);
  const reads = files.length === 0 ? "" : `\n\n--method-file can name: ${files.join(", ")}`;
  return `${name}: ${summary}\n${paper}\n\n--set can change:\n${factTable(lines)}${reads}`;
}
