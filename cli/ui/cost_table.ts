import type { Engine } from "../../lib/engine/engine.ts";
import type { BudgetReport } from "../../lib/methods/budget_report.ts";
import { formatPlan } from "../../lib/methods/format.ts";
import type { GenerateRecord } from "../../lib/engine/generate.ts";
import { bytesPerStep } from "../../lib/engine/cost.ts";
import { formatBytes, formatCount, formatDuration, plural, threeDigits } from "./format.ts";
import { factTable } from "./table.ts";

/** What one generation cost, for people. */
export function costTable(engine: Engine, record: GenerateRecord): string {
  const { cost, compression } = record;
  const perStep = (ms: number) => formatDuration(ms / Math.max(1, cost.steps));
  const kept = compression.keptMin === compression.keptMax
    ? formatCount(compression.keptMax)
    : `${formatCount(compression.keptMin)} to ${formatCount(compression.keptMax)}`;
  return factTable([
    ["model", `${engine.source.name}, loaded in ${formatDuration(engine.loadMs)}`],
    ["device", `${engine.device.name}, ${plural(engine.model.usage().threads, "thread")}`],
    ["method", `${record.method}: ${formatPlan(record.plans)}`],
    [
      "budget",
      `${formatCount(record.tokenBudget)} tokens per KV head and step, predicted ${predicted(record.budget)}, spent ${
        threeDigits(cost.measuredBudget)
      }`,
    ],
    ...(record.budget.note === null ? [] : [["over budget", record.budget.note] as const]),
    ["prompt", `${plural(record.promptIds.length, "token")}, ${formatCount(record.prefillTokensPerSecond)} tokens/s`],
    ["answer", `${plural(record.generatedIds.length, "token")}, ended by ${record.finishReason}`],
    ["first token", formatDuration(record.ttftMs)],
    ["later tokens", laterTokens(record)],
    ["of a step", `select ${perStep(cost.selectMs)}, attend ${perStep(cost.attendMs)}, rest ${perStep(cost.linearMs)}`],
    ["kept", `${kept} of ${formatCount(record.promptIds.length)} tokens per KV head`],
    [
      "KV cache",
      `${formatBytes(cost.kvBytes)} and ${formatBytes(cost.auxBytes)} of bounds, indices and scores, peak ${
        formatBytes(cost.kvPeakBytes)
      }`,
    ],
    [
      "read per step",
      `${formatBytes(bytesPerStep(cost))}: weights ${formatBytes(cost.weightReadBytes)}, scoring ${
        formatBytes(cost.scoreReadBytes)
      }, attention ${formatBytes(cost.attendReadBytes)}`,
    ],
  ]);
}

/** `256`, or `257 to 384` where the last step reads more than the first. */
export function predicted({ predictedFirst, predictedLast }: BudgetReport): string {
  const [first, last] = [threeDigits(predictedFirst), threeDigits(predictedLast)];
  return first === last ? first : `${first} to ${last}`;
}

function laterTokens({ tpotMs, decodeTokensPerSecond, decodeGbPerS }: GenerateRecord): string {
  if (tpotMs === null) return "none";
  return `${formatDuration(tpotMs)} each, ${threeDigits(decodeTokensPerSecond!)} tokens/s, ${
    threeDigits(decodeGbPerS!)
  } GB/s`;
}
