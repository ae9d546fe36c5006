/** `rocketkv report`: from the files of runs to tables, charts and a page. */
import { type Command, Option } from "@commander-js/extra-typings";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";
import { note, writeJson, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .argument("<runs...>", "run folders, finished or not; what cannot be compared gets tables of its own")
    .option("--out <folder>", "where to write tables/, plots/ and report.html (default: the first run's folder)")
    .option("--html", "write report.html (default: unless --markdown or --latex is there)", false)
    .option("--markdown", "write tables/summary.md", false)
    .option("--latex", "write tables/summary.tex, for the package booktabs", false)
    .addOption(new Option("--json", "print one record").default(false))
    .action(async (paths, flags) => {
      const runs: Run[] = [];
      for (const path of paths) runs.push(await readRun(path.replace(/(?<=.)\/+$/, "")));
      // Charts take half a second to load.
      const { writeReport } = await import("../../lib/report/write.ts");
      const { boardNames } = await import("../../lib/report/boards.ts");
      const { verdictOf } = await import("../../lib/report/verdicts.ts");
      const { isPartial, warningsOf } = await import("../../lib/report/warnings.ts");
      const out = flags.out ?? runs[0]!.path, { markdown, latex } = flags;
      const html = flags.html || (!markdown && !latex);
      const { study, boards, files } = await watched((onProgress) =>
        writeReport(runs, { out, html, markdown, latex, onProgress })
      );
      const names = boardNames(boards);
      const verdicts = boards.flatMap((board, i) => {
        const verdict = verdictOf(board);
        return verdict === null ? [] : [{
          name: names[i]!,
          benchmark: board.benchmark,
          model: board.frame.model,
          conditions: board.frame.conditions,
          arm: verdict.arm.arm.label,
          partial: !verdict.arm.complete,
          lines: [verdict.headline, ...verdict.rivals].map(({ text }) => text),
        }];
      });
      const warnings = warningsOf(study);
      if (flags.json) {
        writeJson({ out, files, partial: isPartial(study), verdicts, warnings });
        return;
      }
      for (const { name, partial, lines } of verdicts) {
        writeLine(`${name}${partial ? " (PARTIAL)" : ""}: ${lines.join("\n  ")}`);
      }
      for (const warning of warnings) note(warning);
      const summaries = [html && "report.html", markdown && "tables/summary.md", latex && "tables/summary.tex"]
        .flatMap((name) => name === false ? [] : `${out}/${name}`);
      note(`Wrote ${summaries.join(", ")} with tables and plots beside ${summaries.length === 1 ? "it" : "them"}`);
    });
}

async function watched<T>(run: (onProgress: (done: number, total: number) => void) => Promise<T>): Promise<T> {
  using progress = new Progress("charts");
  return await run((done, total) => progress.update(done, total));
}
