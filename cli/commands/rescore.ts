/** `rocketkv rescore`: scores of stored answers, computed again. */
import { type Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../lib/error.ts";
import { rescoreInto, rescoreRun } from "../../lib/sweep/folder/rescore.ts";
import { formatCount, plural } from "../ui/format.ts";
import { writeJson, writeLine } from "../ui/output.ts";

export function declare(command: Command): void {
  command
    .argument("<run>", "run folder; answers stay as they are")
    .addOption(
      new Option("--scorer <name>", "score by another scorer, into a run of its own").choices(
        ["official", "fixed"] as const,
      ),
    )
    .option("--out <folder>", "the run of its own that --scorer makes")
    .addOption(new Option("--json", "print one record").default(false))
    .action(async (path, { scorer, out, json }) => {
      if ((scorer === undefined) !== (out === undefined)) {
        throw new UsageError(
          "Cannot use one of --scorer and --out alone: another scorer makes another run, which needs a folder of its own",
        );
      }
      const holder = { pid: Deno.pid, host: "this machine", since: new Date().toISOString() };
      const { cells, answers, changed } = scorer === undefined
        ? await rescoreRun(path, holder)
        : await rescoreInto(path, out!, scorer);
      if (json) return writeJson({ run: out ?? path, cells, answers, changed });
      writeLine(
        `${out ?? path}: ${formatCount(changed)} of ${plural(answers, "answer")} in ${plural(cells, "cell")} ` +
          `${changed === 1 ? "has" : "have"} other scores`,
      );
    });
}
