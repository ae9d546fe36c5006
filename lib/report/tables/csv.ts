/** Rows of a table as CSV (RFC 4180) and JSON lines. */

/** One row: names in camelCase, in the order of the columns. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** Columns in snake_case; a missing value is empty. */
export function csvOf(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names.map(snakeCase), ...rows.map((row) => names.map((name) => field(row[name])))];
  return lines.map((line) => line.join(",") + "\n").join("");
}

export function jsonLinesOf(rows: readonly Row[]): string {
  return rows.map((row) => JSON.stringify(row, (_, value) => typeof value === "number" ? rounded(value) : value) + "\n")
    .join("");
}

function field(value: Row[string] | undefined): string {
  if (value === null || value === undefined) return "";
  const text = String(typeof value === "number" ? rounded(value) : value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Nine digits: more than was measured, and the same on every machine. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(9));
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
