/** `rocketkv merge`: one file of predictions per cell, from those of all shards. */
import type { Command } from "@commander-js/extra-typings";
import { manifestOf } from "../../lib/sweep/folder/folder.ts";
import { mergeRun } from "../../lib/sweep/folder/merge.ts";
import { formatCount, plural } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .argument("<run>", "run folder")
    .option("--json", "print one record", false)
    .action(async (path, { json }) => {
      const merged = await mergeRun(path, await manifestOf(path));
      if (json) return writeJson({ path, ...merged });
      const missing = merged.missing === 0 ? "" : `; ${plural(merged.missing, "sample")} of them still missing`;
      writeLine(`${path}: ${plural(merged.predictions, "prediction")} in ${formatCount(merged.cells)} cells${missing}`);
    });
}
