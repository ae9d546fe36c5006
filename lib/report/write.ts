/** Everything that a report is, as files of one folder. */
import type { Run } from "../sweep/folder/manifest.ts";
import { type Board, boardsOf } from "./boards.ts";
import { cellRows } from "./tables/cell_rows.ts";
import { chartsOf } from "./charts/all.ts";
import { csvOf, jsonLinesOf, type Row } from "./tables/csv.ts";
import { type DrawnChart, reportPage, type Section } from "./html/report.ts";
import { pairRows } from "./tables/pair_rows.ts";
import { latexTables, markdownTables } from "./tables/paper_tables.ts";
import { ReportFolder } from "./report_folder.ts";
import { type Study, studyOf } from "./study.ts";
import { summaryRows } from "./tables/summary_rows.ts";
import { taskRows } from "./tables/task_rows.ts";

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
  const study = studyOf(runs), boards = boardsOf(study);
  const folder = await ReportFolder.open(request.out);
  await saveTables(study, boards, request, folder);
  const tables = [...folder.files];
  const sections = await saveCharts(boards, request, folder);
  if (request.html) await folder.save("report.html", await reportPage(study, sections, tables));
  await folder.replaceLast();
  return { study, boards, files: folder.files };
}

async function saveTables(
  study: Study,
  boards: readonly Board[],
  request: ReportRequest,
  folder: ReportFolder,
): Promise<void> {
  const tables: Record<string, readonly Row[]> = {
    cells: cellRows(study),
    tasks: taskRows(boards),
    summary: summaryRows(boards),
    pairs: pairRows(boards),
  };
  for (const [name, rows] of Object.entries(tables)) {
    if (rows.length === 0) continue; // no pairs with one method: a table without columns is no table
    await folder.save(`tables/${name}.csv`, csvOf(rows));
    await folder.save(`tables/${name}.jsonl`, jsonLinesOf(rows));
  }
  if (request.markdown) await folder.save("tables/summary.md", markdownTables(boards));
  if (request.latex) await folder.save("tables/summary.tex", latexTables(boards));
}

async function saveCharts(
  boards: readonly Board[],
  { onProgress }: ReportRequest,
  folder: ReportFolder,
): Promise<Section[]> {
  const all = boards.map((board, i) => ({ board, charts: chartsOf(board), prefix: prefixOf(boards, i) }));
  const total = all.reduce((sum, { charts }) => sum + charts.length, 0);
  const sections: Section[] = [];
  let done = 0;
  for (const { board, charts, prefix } of all) {
    const drawn: DrawnChart[] = [];
    for (const chart of charts) {
      const href = `plots/${prefix}_${chart.name}`, svg = await folder.saveChart(href, chart);
      drawn.push({ chart, svg, href });
      onProgress?.(++done, total);
    }
    sections.push({ board, charts: drawn });
  }
  return sections;
}

/** `ruler`, and `ruler_2` for the second board of one benchmark. */
function prefixOf(boards: readonly Board[], i: number): string {
  const { benchmark: name } = boards[i]!;
  const before = boards.slice(0, i).filter(({ benchmark }) => benchmark === name).length;
  const slug = name.replaceAll(" ", "-");
  return before === 0 ? slug : `${slug}_${before + 1}`;
}
