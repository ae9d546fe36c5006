/** Needle maps of a run, as files beside it: for everybody who wants them without a whole report. */
import type { Run } from "../sweep/folder/manifest.ts";
import { type Board, boardsOf, narrow } from "./boards.ts";
import { needleCharts, needleMap } from "./charts/needles.ts";
import { csvOf } from "./tables/csv.ts";
import { niahCellRows } from "./tables/niah_cells.ts";
import { ReportFolder } from "./report_folder.ts";
import { studyOf } from "./study.ts";

/**
 * Writes `tables/niah_cells.csv`; `plots/niah_needles` and `plots/niah_needles_difference`, a panel per arm on one scale; and
 * a large map of every arm. Plots are SVG, PNG and CSV.
 *
 * @returns Names of the plots, without their endings, in the order in which they were written. None where nothing was answered.
 * @throws {RunError} when the folder cannot be written.
 */
export async function writeNeedles(run: Run): Promise<string[]> {
  const study = studyOf([run]), rows = niahCellRows(study), written: string[] = [];
  if (rows.length === 0) return [];
  const folder = await ReportFolder.open(run.path);
  await folder.save("tables/niah_cells.csv", csvOf(rows));
  const boards = boardsOf(study).filter(({ benchmark }) => benchmark === "niah");
  for (const [i, board] of boards.entries()) {
    const prefix = i === 0 ? "plots/niah" : `plots/niah_${i + 1}`;
    for (const chart of [...needleCharts(board), ...armMaps(board)]) {
      await folder.saveChart(`${prefix}_${chart.name}`, chart);
      written.push(`${prefix}_${chart.name}`);
    }
  }
  return written;
}

function armMaps(board: Board): ReturnType<typeof needleCharts> {
  return board.arms.flatMap(({ arm }) => {
    const chart = needleMap(narrow(board, (cell) => cell.arm.key === arm.key));
    return chart === null ? [] : [{ ...chart, name: `${chart.name}_${arm.label.replaceAll(/[^\w.=]+/g, "-")}` }];
  });
}
