import { renderPng, renderSvg } from "../chart/render.ts";
import { writing } from "../model/writing.ts";
import { writeWhole } from "../sweep/folder/files.ts";
import type { Chart } from "./charts/theme.ts";
import { csvOf } from "./tables/csv.ts";

/** Of the files of a chart. */
export const CHART_ENDINGS = ["svg", "png", "csv"] as const;

/**
 * Save a chart as SVG and PNG, with its data as CSV.
 *
 * @param path  Of its files, without their endings.
 * @returns The SVG.
 * @throws {RunError} when they cannot be written.
 */
export async function saveChart(path: string, chart: Chart): Promise<string> {
  const svg = await renderSvg(chart.spec), png = await renderPng(svg);
  await writeWhole(`${path}.svg`, svg);
  await writing(`${path}.png`, () => Deno.writeFile(`${path}.png`, png));
  await writeWhole(`${path}.csv`, csvOf(chart.rows));
  return svg;
}
