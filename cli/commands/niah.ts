/** `rocketkv niah`: find needles in haystacks, at every length and depth, with every method. */
import type { Command } from "@commander-js/extra-typings";
import { DEFAULT_GRID } from "../../lib/sweep/grid/grid.ts";
import { formatLength } from "../../lib/sweep/grid/length.ts";
import { needleOptions, niahStudy } from "../study/niah_options.ts";
import { runStudy } from "../study/study.ts";
import { studyOptions } from "../study/options.ts";
import { note } from "../ui/output.ts";
import { LiveNeedles } from "../ui/live_needles.ts";

export function declare(command: Command): void {
  studyOptions(needleOptions(command)).action(async (flags) => {
    const { tasks, lengths, depths } = niahStudy(flags);
    const live = new LiveNeedles({ ...flags, lengths: lengths?.map(formatLength) ?? DEFAULT_GRID.lengths, depths });
    await runStudy(flags, tasks, lengths, {
      onAnswer: live.add,
      onEnd: async (run) => {
        const { writeNeedles } = await import("../../lib/report/niah_files.ts"); // with the library that draws
        const plots = await writeNeedles(run);
        if (plots.length > 0) note(`Maps of the needles: ${run.path}/${plots[0]}.svg and ${plots.length - 1} more`);
      },
    });
  });
}
