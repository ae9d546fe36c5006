import assert from "node:assert/strict";
import { heatMapLines, LiveHeatMap, type Screen } from "../../cli/ui/heat_map.ts";

const layout = { columns: ["1024", "2048", "4096"], rows: ["0%", "50%", "100%"], width: 60, height: 24, color: false };

Deno.test("a panel has a row per depth and a cell per length, the denser the better", () => {
  const values = [[1, 0, 0.5], [null, 0.99, 0.2], [0.4, 1, null]];
  const panel = { title: "rocketkv 256", value: (column: number, row: number) => values[row]![column]! };
  assert.deepEqual(heatMapLines([panel], layout), [
    "     rocketkv 256",
    "  0% ██__▒▒",
    " 50% ··██░░",
    "100% ▒▒██··",
    "     1024 to 4096",
  ]);
  const [, first] = heatMapLines([panel], { ...layout, color: true });
  assert.equal(first, "  0% \x1b[48;5;226m  \x1b[0m\x1b[48;5;54m  \x1b[0m\x1b[48;5;36m  \x1b[0m");
});

Deno.test("panels stand side by side as far as there is room, and the others are counted", () => {
  const panels = ["full", "streaming 256 sinks=4 window=9", "c", "d", "e"].map((title) => ({ title, value: () => 1 }));
  const lines = heatMapLines(panels, { ...layout, width: 56, height: 8 });
  assert.deepEqual(lines, [
    "     full                       streaming 256 sinks=4 w…",
    "  0% ██████                     ██████",
    " 50% ██████                     ██████",
    "100% ██████                     ██████",
    "     1024 to 4096               1024 to 4096",
    "and 3 more that there is no room for",
  ]);
  for (const line of heatMapLines(panels, { ...layout, width: 56, height: 8, color: false })) assert(line.length <= 56);
  assert.equal(heatMapLines(panels, { ...layout, width: 56, height: 12 }).length, 2 * 5 + 1);
});

function screen(terminal: boolean): Screen & { written: string[] } {
  const written: string[] = [];
  return {
    terminal,
    color: false,
    size: () => ({ columns: 80, rows: 24 }),
    write: (text) => written.push(text),
    written,
  };
}

Deno.test("a live map is drawn in place, several scores of a cell are a mean", () => {
  const there = screen(true), map = new LiveHeatMap(["1024"], ["0%", "50%"], there);
  map.add("full", "1024", "50%", 1);
  assert.equal(there.written[0], "\r\x1b[2K\x1b[J    full\n 0% ··\n50% ██\n    1024\n");
  map.add("full", "1024", "50%", 0);
  assert.equal(there.written[1], "\r\x1b[2K\x1b[4A\x1b[J    full\n 0% ··\n50% ▒▒\n    1024\n");
  map.add("full", "512", "50%", 0);
  assert.equal(there.written.length, 2);
});

Deno.test("without a terminal nothing is drawn", () => {
  const piped = screen(false);
  new LiveHeatMap(["1024"], ["0%"], piped).add("full", "1024", "0%", 1);
  assert.deepEqual(piped.written, []);
});
