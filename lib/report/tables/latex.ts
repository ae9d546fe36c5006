/** LaTeX tables in the style of booktabs. */
import { isNumeric } from "../../markdown.ts";

/** Words at the left, figures at the right. */
export function latexTable(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `    ${cells.map(latexText).join(" & ")} \\\\`;
  const columns = head.map((_, column) => isNumeric(rows, column) ? "r" : "l").join("");
  return [
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${latexText(caption)}}`,
    `  \\begin{tabular}{${columns}}`,
    "    \\toprule",
    line(head),
    "    \\midrule",
    ...rows.map(line),
    "    \\bottomrule",
    "  \\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}

/** Text whose special letters LaTeX prints as they are. */
export function latexText(text: string): string {
  return text.replaceAll(/[\\{}$&#%_~^<>]/g, (letter) => SPECIAL[letter] ?? `\\${letter}`);
}

const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
};
