import type { Engine } from "../../lib/engine/engine.ts";
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
      `${formatCount(record.tokenBudget)} tokens per KV head and step, spent ${threeDigits(cost.measuredBudget)}`,
    ],
    ["prompt", `${plural(record.promptIds.length, "token")}, ${formatCount(record.prefillTokensPerSecond)} tokens/s`],
    ["answer", `${plural(record.generatedIds.length, "token")}, ended by ${record.finishReason}`],
    ["first token", formatDuration(record.ttftMs)],
    ["later tokens", laterTokens(record)],
    ["of a step", `select ${perStep(cost.selectMs)}, attend ${perStep(cost.attendMs)}, rest ${perStep(cost.linearMs)}`],
    ["kept", `${kept} of ${formatCount(record.promptIds.length)} tokens per KV head`],
    [
      "KV cache",
      `${formatBytes(cost.kvBytes)} and ${formatBytes(cost.auxBytes)} of page bounds and indices, peak ${
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

function laterTokens({ tpotMs, decodeTokensPerSecond, decodeGbPerS }: GenerateRecord): string {
  if (tpotMs === null) return "none";
  return `${formatDuration(tpotMs)} each, ${threeDigits(decodeTokensPerSecond!)} tokens/s, ${
    threeDigits(decodeGbPerS!)
  } GB/s`;
}
