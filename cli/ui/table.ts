/** Tables: aligned columns for people, Markdown for documents. Numbers stand at the right, words at the left. */
import Table from "cli-table3";
import { type Cell, isNumeric } from "../../lib/markdown.ts";

export { type Cell, markdownTable } from "../../lib/markdown.ts";

/** Columns two spaces apart under their headings, no lines around them. */
export function textTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: [...head],
    chars: Object.fromEntries(FRAME.map((part) => [part, part === "middle" ? "  " : ""])),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
    colAligns: head.map((_, column) => isNumeric(rows, column) ? "right" : "left"),
  });
  table.push(...rows.map((row) => row.map(String)));
  return table.toString().replaceAll(/ +$/gm, "");
}

/** Names on the left, values on the right: for facts about one thing. */
export function factTable(facts: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

const FRAME = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
  "left",
  "left-mid",
  "mid",
  "mid-mid",
  "right",
  "right-mid",
  "middle",
];
