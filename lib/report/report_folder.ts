/** Where reports are written. A list of what one wrote is kept, so that the next one leaves nothing of it behind. */
import { renderPng, renderSvg } from "../chart/render.ts";
import { writeWhole, writing } from "../model/writing.ts";
import { parseLine, reading } from "../sweep/folder/files.ts";
import type { Chart } from "./charts/theme.ts";
import { csvOf } from "./tables/csv.ts";

/** Of the files of a chart. */
export const CHART_ENDINGS = ["svg", "png", "csv"] as const;

const LIST = "report_files.json";
/** What every report writes. Files that were asked for by name, `report.html` and `summary.tex`, stay until they are written again. */
const REPLACED = /^(plots\/[^/]+|tables\/[^/]+\.(csv|jsonl))$/;

export class ReportFolder {
  /** Relative to the folder, in the order in which they were written. */
  readonly files: string[] = [];

  private constructor(readonly path: string) {}

  /** With `tables/` and `plots/` in it. @throws {RunError} when they cannot be made. */
  static async open(path: string): Promise<ReportFolder> {
    for (const folder of ["tables", "plots"]) {
      await writing(path, () => Deno.mkdir(`${path}/${folder}`, { recursive: true }));
    }
    return new ReportFolder(path);
  }

  /** @throws {RunError} when it cannot be written. */
  async save(name: string, content: string | Uint8Array): Promise<void> {
    await writeWhole(`${this.path}/${name}`, content);
    this.files.push(name);
  }

  /**
   * Save a chart as SVG and PNG, with its data as CSV.
   *
   * @param name  Of its files, without their endings.
   * @returns The SVG.
   * @throws {RunError} when they cannot be written.
   */
  async saveChart(name: string, chart: Chart): Promise<string> {
    const svg = await renderSvg(chart.spec);
    const contents = { svg, png: await renderPng(svg), csv: csvOf(chart.rows) };
    for (const ending of CHART_ENDINGS) await this.save(`${name}.${ending}`, contents[ending]);
    return svg;
  }

  /** Remove tables and plots of the report before this one that this one does not have, and nothing else. */
  async replaceLast(): Promise<void> {
    const list = `${this.path}/${LIST}`, text = await reading(list, () => Deno.readTextFile(list), "[]");
    const before: unknown = parseLine(list, 1, text), now = new Set(this.files);
    const old = (Array.isArray(before) ? before : []).filter((name) => typeof name === "string" && !now.has(name));
    for (const name of old.filter((name) => REPLACED.test(name))) {
      await Deno.remove(`${this.path}/${name}`).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error; // somebody else removed it
      });
    }
    await writeWhole(list, `${JSON.stringify([...this.files])}\n`);
  }
}
