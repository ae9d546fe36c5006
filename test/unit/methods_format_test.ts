import assert from "node:assert/strict";
import { formatPlan } from "../../lib/methods/format.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

const SHAPE = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };

function line(name: string, set: Record<string, number> = {}, tokenBudget = 256): string {
  const files = methodFiles(SHAPE);
  const input = { tokenBudget, promptTokens: 16256, newTokens: 128, ...SHAPE, set, files };
  return formatPlan(findMethod(name).plan(input));
}

Deno.test("formatPlan() says what every method keeps and attends to", () => {
  const cases: readonly (readonly [name: string, set: Record<string, number>, line: string])[] = [
    ["full", {}, "full cache"],
    ["minference", {}, "full cache"],
    [
      "rocketkv",
      {},
      "keep 1467 prompt tokens by vote (window 32, max pool 63); attend to 128 tokens by pages of 3 over 61 dims",
    ],
    [
      "rocketkv-mt",
      { dense_layers: 1, sinks: 1, kernel: 1 },
      "use 1467 prompt tokens by vote (window 128, no pool, 1 sink); attend to 128 tokens by pages of 3 over 61 dims; " +
      "dense in the first layer",
    ],
    ["snapkv", {}, "keep 256 prompt tokens by vote (window 32, max pool 63)"],
    ["snapkv", { group_rule: 1 }, "keep 256 prompt tokens by vote (window 32, max pool 63, best of the group)"],
    ["snapkv-head", {}, "keep 64 prompt tokens per query head by vote (window 32, max pool 7)"],
    ["pyramidkv", {}, "keep 488 to 24 prompt tokens by vote (window 8, max pool 7)"],
    ["adakv", {}, "keep 256 prompt tokens by vote (window 32, max pool 63, dealt to heads, safeguard 0.2)"],
    [
      "criticalkv(expected-attention)",
      {},
      "keep 256 prompt tokens by expected attention (512 positions ahead, 4 sinks, all but 0.5 of them by output norms)",
    ],
    [
      "expected-attention",
      { recent: 8 },
      "keep 256 prompt tokens by expected attention (512 positions ahead, weighed by values, 4 sinks, 8 recent)",
    ],
    ["knorm", {}, "keep 256 prompt tokens by short keys"],
    ["keydiff", {}, "keep 256 prompt tokens by distinct keys"],
    ["lagkv", {}, "keep 256 prompt tokens by variation (partitions of 128, 4 sinks)"],
    ["random", {}, "keep 256 prompt tokens by chance"],
    ["streaming", {}, "keep 4 sinks and the most recent tokens, 256 in all"],
    ["streaming", { shift: 1 }, "keep 4 sinks and the most recent tokens, 256 in all, positions shifted"],
    [
      "h2o",
      {},
      "keep 255 prompt tokens by attention so far (128 recent); hold 255 tokens by dropping the least attention so far, " +
      "128 most recent safe",
    ],
    [
      "tova",
      {},
      "keep 255 prompt tokens by vote (window 1, no pool, one choice per layer); hold 255 tokens by dropping the least " +
      "attention now",
    ],
    ["oracle", { pin_recent: 1 }, "attend to the true top 256 per query head, 1 recent pinned"],
    ["oracle-group", {}, "attend to the true top 256 per KV head"],
    [
      "quest",
      { sign: 1, rank: 1, whole_pages: 1, page_size: 16, pin_sinks: 4, pin_recent: 8 },
      "attend to 128 tokens in whole pages by pages of 16 over 128 dims, ranked by score sums, signs per head, " +
      "4 sinks and 8 recent pinned",
    ],
    [
      "quest-official",
      {},
      "attend to 256 tokens in whole pages by pages of 16 over 128 dims, every query head for itself, signs per head, " +
      "16 recent pinned; dense in the first 2 layers",
    ],
    [
      "sparq-official",
      {},
      "attend to 128 tokens by pages of 1 over 2 dims, ranked by score sums, 32 recent pinned, the mean value for the rest",
    ],
  ];
  for (const [name, set, expected] of cases) assert.equal(line(name, set), expected, name);
});

Deno.test("formatPlan() counts the heads that are left alone", () => {
  assert.equal(
    line("duoattention", {}, 2048),
    "keep 128 sinks and the most recent tokens, 640 in all; 23 KV heads left alone in all",
  );
  assert.equal(
    formatPlan([{ ...DENSE, evict: "recent", keep: 10, sinks: 2 }]),
    "keep 2 sinks and the most recent prompt tokens, 10 in all",
  );
});
