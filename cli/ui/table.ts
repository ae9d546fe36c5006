/** Tables: aligned columns for people, Markdown for documents. Numbers stand at the right, words at the left. */
import Table from "cli-table3";

export type Cell = string | number;

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

/** A Markdown table. */
export function markdownTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, column) => isNumeric(rows, column) ? "---:" : "---");
  return [line(head), line(rule), ...rows.map(line)].join("\n");
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

/** Whether a column holds figures, with a unit or an error or without: `12`, `1,234`, `3.4 GiB`, `2.1e-7 ± 3e-8`, `-`. */
function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.every((row) => FIGURE.test(String(row[column] ?? "-")));
}

const FIGURE = /^(-|[-+]?[\d.,]+(e[-+]?\d+)?( ?[a-zA-Z%/]+| ± [\d.,]+(e[-+]?\d+)?)?)$/;
