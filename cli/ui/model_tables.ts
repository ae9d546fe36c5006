import type { ModelDescription } from "../../lib/engine/description.ts";
import type { Forecast } from "../../lib/engine/forecast.ts";
import { predicted } from "./cost_table.ts";
import { formatBytes, formatCount, formatPercent, plural, threeDigits } from "./format.ts";
import { factTable, textTable } from "./table.ts";

/** What a model is, for people. */
export function modelTable(model: ModelDescription): string {
  const dtypes = model.dtypes.map(({ dtype, tensors, bytes }) =>
    `${dtype} ${formatBytes(bytes)} in ${plural(tensors, "tensor")}`
  );
  const extras = [model.qkvBias ? "QKV bias" : "", model.qkNorm ? "QK norm" : ""].filter((extra) => extra !== "");
  return factTable([
    ["model", model.name],
    ["files", `${model.format}, ${model.path}`],
    ["architecture", [model.architecture, ...extras].join(", ")],
    ["parameters", formatCount(model.parameters)],
    ["weights", `${formatBytes(model.weightBytes)}: ${dtypes.join(", ")}`],
    [
      "layers",
      `${model.layers} of hidden size ${formatCount(model.hiddenSize)}, FFN size ${formatCount(model.ffnSize)}`,
    ],
    [
      "attention",
      `${plural(model.heads, "query head")}, ${plural(model.kvHeads, "KV head")}, head dim ${model.headDim}`,
    ],
    ["KV cache", `${formatBytes(model.kvBytesPerToken)} per token in bf16`],
    [
      "context",
      `${formatCount(model.contextLength)} tokens${
        model.slidingWindow > 0 ? `, sliding window ${formatCount(model.slidingWindow)}` : ""
      }`,
    ],
    ["RoPE", model.rope],
    ["vocabulary", `${formatCount(model.vocabSize)} tokens`],
    ["begins with", model.bos === null || !model.addsBos ? "nothing" : model.bos],
    ["ends with", model.eos.join(" ") || "nothing"],
    ["chat template", model.chatTemplate ? "yes" : "none: prompts run as they are"],
  ]);
}

/** What one method will cost at several budgets, for people. */
export function planTable(forecasts: readonly Forecast[]): string {
  const head = [
    "budget",
    "compression",
    "kept",
    "capacity",
    "page",
    "dims",
    "top-k",
    "stored",
    "beside",
    "read/step",
    "predicted",
    "of full",
    "peak memory",
  ];
  const rows = forecasts.map((row) => {
    const plan = row.plans.find(({ select }) => select !== "all") ?? row.plans[0];
    const pages = plan.select === "pages";
    return [
      formatCount(row.tokenBudget),
      `${threeDigits(row.compression)}x`,
      formatCount(row.kept),
      formatCount(row.capacity),
      pages ? plan.pageSize : "-",
      pages ? plan.queryDims : "-",
      plan.select === "all" ? "-" : formatCount(plan.topK),
      formatBytes(row.kvBytes),
      formatBytes(row.auxBytes),
      formatBytes(row.readBytes),
      predicted(row.budget),
      formatPercent(row.readBytes / row.fullReadBytes),
      formatBytes(row.peakBytes),
    ];
  });
  const [first] = forecasts;
  const title = first &&
    `${first.method}, ${formatCount(first.context)} prompt and ${formatCount(first.newTokens)} new tokens`;
  const notes = forecasts.filter(({ budget }) => budget.note !== null)
    .map(({ tokenBudget, budget }) => `\nbudget ${formatCount(tokenBudget)}: ${budget.note}`);
  return `${title}\n${textTable(head, rows)}${notes.length > 0 ? "\n" : ""}${notes.join("")}`;
}
