/** The comparison as a Markdown table. */

import { best, type Row, type Sample, type Speeds, speeds } from "./measurement.ts";
import { llamaCpp, rocketkv } from "./programs.ts";

/**
 * One line for prefill, decode with the full cache and decode with RocketKV at every context. llama.cpp always has its
 * full cache. The ratio compares the better thread count of each.
 */
export function markdown(samples: readonly Sample[], contexts: readonly number[], budget: number): string {
  const threads = [...new Set(samples.map((sample) => sample.threads))];
  const columns = [rocketkv, llamaCpp].flatMap(({ name }) => threads.map((n) => `${name} ${n}t`));
  const lines = [
    `| tokens/s | context | ${columns.join(" | ")} | ratio |`,
    `| --- | ---: | ${columns.map(() => "---:").join(" | ")} | ---: |`,
  ];
  for (const { kind, method, budget: rowBudget } of rows(budget)) {
    for (const context of contexts) {
      const ours = speeds(samples, rocketkv.name, { kind, context, method, budget: rowBudget });
      const theirs = speeds(samples, llamaCpp.name, { kind, context, method: "full", budget: null });
      const name = kind === "prefill"
        ? kind
        : rowBudget === null
        ? `decode, ${method}`
        : `decode, ${method} ${rowBudget}`;
      const cells = [ours, theirs].flatMap((side) => threads.map((n) => cell(side, n)));
      lines.push(`| ${name} | ${context} | ${cells.join(" | ")} | ${(best(ours) / best(theirs)).toFixed(2)} |`);
    }
  }
  return lines.join("\n");
}

function rows(budget: number): Omit<Row, "context">[] {
  return [
    { kind: "prefill", method: "full", budget: null },
    { kind: "decode", method: "full", budget: null },
    { kind: "decode", method: "rocketkv", budget },
  ];
}

function cell(side: Speeds, threads: number): string {
  return side.get(threads)?.toFixed(1) ?? "-";
}
