import { Option } from "@commander-js/extra-typings";
import { parseLength } from "../../lib/sweep/grid/length.ts";
import type { Length } from "../../lib/tasks/task.ts";
import * as option from "../options.ts";

/** Axis of the lengths of generated prompts. */
export const lengthOption = (): Option<"--length <lengths>", undefined, undefined, Length[]> =>
  new Option(
    "--length <lengths>",
    "lengths, separated by commas: tokens, or words of the haystack as 2048w (1024,2048)",
  )
    .argParser(option.list("--length", parseLength));
