/** Heat maps in a terminal: rows are depths, columns lengths, one panel per arm. */
import { mean } from "../../lib/statistics.ts";

/** Scores of one arm by place; several scores of a place are a mean. */
export interface HeatPanel {
  readonly title: string;
  /** From 0 to 1; null where nothing is known yet. */
  value(column: number, row: number): number | null;
}

export interface HeatLayout {
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** Of the terminal. */
  readonly width: number;
  readonly height: number;
  /** Without colours, blocks that are the denser the higher the score is. */
  readonly color: boolean;
}

/** Characters of a cell, and between two panels. */
const CELL = 2, GAP = 3;

/** Lines of as many panels as there is room for, from the first. */
export function heatMapLines(panels: readonly HeatPanel[], layout: HeatLayout): string[] {
  const { columns, rows, width, height } = layout;
  const margin = Math.max(...rows.map((row) => row.length)) + 1;
  const longest = Math.max(12, ...panels.map(({ title }) => title.length));
  const inner = Math.max(columns.length * CELL, Math.min(longest, 24));
  const across = Math.max(1, Math.floor((width - margin + GAP) / (inner + GAP)));
  const down = Math.max(1, Math.floor((height - 2) / (rows.length + 2)));
  const shown = panels.slice(0, across * down), lines: string[] = [];
  for (let from = 0; from < shown.length; from += across) {
    const side = shown.slice(from, from + across);
    const blank = " ".repeat(margin);
    lines.push(blank + side.map(({ title }) => fit(title, inner)).join(" ".repeat(GAP)).trimEnd());
    rows.forEach((row, r) => {
      const cells = side.map((panel) =>
        columns.map((_, c) => cellText(panel.value(c, r), layout.color)).join("") +
        " ".repeat(inner - columns.length * CELL)
      );
      lines.push(`${row.padStart(margin - 1)} ${cells.join(" ".repeat(GAP))}`.trimEnd());
    });
    lines.push(blank + side.map(() => fit(axisText(columns), inner)).join(" ".repeat(GAP)).trimEnd());
  }
  if (shown.length < panels.length) lines.push(`and ${panels.length - shown.length} more that there is no room for`);
  return lines;
}

function cellText(value: number | null, color: boolean): string {
  if (value === null) return "·".repeat(CELL);
  const at = (steps: number) => Math.min(steps - 1, Math.floor(value * steps));
  if (!color) return BLOCKS[at(BLOCKS.length)]!.repeat(CELL);
  return `\x1b[48;5;${COLORS[at(COLORS.length)]}m${" ".repeat(CELL)}\x1b[0m`;
}

const BLOCKS = ["_", "░", "▒", "▓", "█"];

/** From dark violet over green to yellow in the palette of 256 colours: told apart by colour-blind readers. */
const COLORS = [54, 61, 31, 36, 71, 149, 226];

/** The first column, and the last. */
function axisText(columns: readonly string[]): string {
  return columns.length === 1 ? columns[0]! : `${columns[0]} to ${columns.at(-1)}`;
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Where a live map is drawn. */
export interface Screen {
  readonly terminal: boolean;
  readonly color: boolean;
  size(): { columns: number; rows: number };
  write(text: string): void;
}

export const STDERR: Screen = {
  terminal: Deno.stderr.isTerminal(),
  color: !Deno.noColor,
  size: () => {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || 80, rows: rows || 24 }; // some terminals do not say
  },
  write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
};

/** Heat maps that are drawn anew in place whenever a score comes in. Silent without a terminal. */
export class LiveHeatMap {
  readonly #columns: readonly string[];
  readonly #rows: readonly string[];
  readonly #screen: Screen;
  readonly #panels = new Map<string, Map<string, number[]>>();
  #drawn = 0;

  constructor(columns: readonly string[], rows: readonly string[], screen: Screen = STDERR) {
    this.#columns = columns;
    this.#rows = rows;
    this.#screen = screen;
  }

  /** A score from 0 to 1; places that the map does not have are passed over. */
  add(panel: string, column: string, row: string, score: number): void {
    if (!this.#screen.terminal || !this.#columns.includes(column) || !this.#rows.includes(row)) return;
    const places = this.#panels.get(panel) ?? new Map<string, number[]>();
    this.#panels.set(panel, places);
    places.set(`${column} ${row}`, [...places.get(`${column} ${row}`) ?? [], score]);
    this.#draw();
  }

  #draw(): void {
    const { columns: width, rows: height } = this.#screen.size();
    const panels = [...this.#panels].map(([title, places]): HeatPanel => ({
      title,
      value: (column, row) => {
        const scores = places.get(`${this.#columns[column]} ${this.#rows[row]}`);
        return scores === undefined ? null : mean(scores);
      },
    }));
    const layout = { columns: this.#columns, rows: this.#rows, width, height, color: this.#screen.color };
    const lines = heatMapLines(panels, layout);
    // Up to where the last map began; what is left of it below is erased. Progress goes on in the line behind.
    const back = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    this.#screen.write(`\r\x1b[2K${back}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }
}
