/** Markdown tables. Numbers stand at the right, words at the left. */

export type Cell = string | number;

export function markdownTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, column) => isNumeric(rows, column) ? "---:" : "---");
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** Whether a column holds figures, with a unit or an error or without: `12`, `1,234`, `3.4 GiB`, `2.1e-7 ± 3e-8`, `-`. */
export function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.every((row) => FIGURE.test(String(row[column] ?? "-")));
}

const FIGURE = /^(-|[-+]?[\d.,]+(e[-+]?\d+)?( ?[a-zA-Z%/]+| ± [\d.,]+(e[-+]?\d+)?)?)$/;
