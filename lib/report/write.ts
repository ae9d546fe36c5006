/** Everything that a report is, as files of one folder. */
import { renderPng, renderSvg } from "../chart/render.ts";
import { writing } from "../model/writing.ts";
import { writeWhole } from "../sweep/files.ts";
import type { Run } from "../sweep/manifest.ts";
import { type Board, boardsOf } from "./boards.ts";
import { cellRows } from "./cell_rows.ts";
import { chartsOf } from "./charts/all.ts";
import { csvOf, jsonLinesOf, type Row } from "./csv.ts";
import { type DrawnChart, reportPage, type Section } from "./html/report.ts";
import { pairRows } from "./pair_rows.ts";
import { latexTables, markdownTables } from "./paper_tables.ts";
import { type Study, studyOf } from "./study.ts";
import { summaryRows } from "./summary_rows.ts";
import { taskRows } from "./task_rows.ts";

export interface ReportRequest {
  /** Folder that files are written to: `tables/`, `plots/`, `report.html`. */
  readonly out: string;
  readonly html: boolean;
  readonly markdown: boolean;
  readonly latex: boolean;
  /** Of charts drawn. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface WrittenReport {
  readonly study: Study;
  readonly boards: readonly Board[];
  /** Relative to the folder, in the order in which they were written. */
  readonly files: readonly string[];
}

/** @throws {RunError} when the folder cannot be written. */
export async function writeReport(runs: readonly Run[], request: ReportRequest): Promise<WrittenReport> {
  const study = studyOf(runs), boards = boardsOf(study), files: string[] = [];
  const { out } = request;
  const save = async (name: string, content: string | Uint8Array) => {
    if (typeof content === "string") await writeWhole(`${out}/${name}`, content);
    else await writing(`${out}/${name}`, () => Deno.writeFile(`${out}/${name}`, content));
    files.push(name);
  };
  for (const folder of ["tables", "plots"]) {
    await writing(out, () => Deno.mkdir(`${out}/${folder}`, { recursive: true }));
  }
  await saveTables(study, boards, request, save);
  const tables = [...files];
  const sections = await saveCharts(boards, request, save);
  if (request.html) await save("report.html", await reportPage(study, sections, tables));
  return { study, boards, files };
}

type Save = (name: string, content: string | Uint8Array) => Promise<void>;

async function saveTables(study: Study, boards: readonly Board[], request: ReportRequest, save: Save): Promise<void> {
  const tables: Record<string, readonly Row[]> = {
    cells: cellRows(study),
    tasks: taskRows(boards),
    summary: summaryRows(boards),
    pairs: pairRows(boards),
  };
  for (const [name, rows] of Object.entries(tables)) {
    await save(`tables/${name}.csv`, csvOf(rows));
    await save(`tables/${name}.jsonl`, jsonLinesOf(rows));
  }
  if (request.markdown) await save("tables/summary.md", markdownTables(boards));
  if (request.latex) await save("tables/summary.tex", latexTables(boards));
}

async function saveCharts(boards: readonly Board[], { onProgress }: ReportRequest, save: Save): Promise<Section[]> {
  const all = boards.map((board, i) => ({ board, charts: chartsOf(board), prefix: prefixOf(boards, i) }));
  const total = all.reduce((sum, { charts }) => sum + charts.length, 0);
  const sections: Section[] = [];
  let done = 0;
  for (const { board, charts, prefix } of all) {
    const drawn: DrawnChart[] = [];
    for (const chart of charts) {
      const href = `plots/${prefix}_${chart.name}`, svg = await renderSvg(chart.spec);
      await save(`${href}.svg`, svg);
      await save(`${href}.png`, await renderPng(svg));
      await save(`${href}.csv`, csvOf(chart.rows));
      drawn.push({ chart, svg, href });
      onProgress?.(++done, total);
    }
    sections.push({ board, charts: drawn });
  }
  return sections;
}

/** `ruler`, and `ruler_2` for the second board of one benchmark. */
function prefixOf(boards: readonly Board[], i: number): string {
  const name = boards[i]!.benchmark;
  const before = boards.slice(0, i).filter(({ benchmark }) => benchmark === name).length;
  return before === 0 ? name : `${name}_${before + 1}`;
}
