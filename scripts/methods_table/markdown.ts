/** The table for people. */
import { formatBytes, formatCount, plural, withError } from "../../cli/ui/format.ts";
import { markdownTable } from "../../cli/ui/table.ts";
import { duelSection } from "./markdown_duels.ts";
import type { Row } from "./rows.ts";
import { patternsFor } from "./settings.ts";
import type { ContextTable, Table } from "./table.ts";
import { FILES } from "./texts.ts";

export function markdown(table: Table): string {
  return [
    `# All methods on ${table.settings.model}`,
    ...introduction(table),
    ...table.contexts.flatMap((context) => [
      `## Prompts of ${formatCount(context.context)} tokens`,
      ...samplesLine(table, context),
      overview(table.settings.budgets, context),
      ...table.settings.budgets.flatMap((budget) => [`### Budget ${budget}`, detail(budget, context)]),
      ...duelSection(context.equalReads),
    ]),
  ].join("\n\n") + "\n";
}

function introduction({ command, commit, date, machine, model, settings }: Table): string[] {
  const { vertical, slash } = patternsFor(Math.max(...settings.contexts));
  const notes = [
    ...(settings.steps > 0
      ? [
        "**KL**: of the full cache's next-token distribution to the method's, in nats, mean over all steps and prompts ± standard " +
        "error over prompts; both are fed the text that really follows. **nll +**: what the method adds to the negative " +
        "log-likelihood of that text. **top-1**: steps with the same most likely token. Texts: generated prose, and " +
        `${FILES.map((file) => `\`${file}\``).join(" followed by ")}.`,
      ]
      : []),
    "**found**: greedy answers that have the key of the needle task (a number of 7 digits in generated prose, asked for at the " +
    "end). **key**: mean log probability of the key's tokens when they are fed.",
    "**read**: tokens' worth of K and V that a step reads per KV head, scoring included, as measured. **stored**: K, V and " +
    "whatever is kept beside them, at the end.",
    "The last prompt token is fed as a decode step to every method, so that eviction cannot see it.",
    "**Bold**: best of its column, among the methods that compress; full, minference and the oracles do not compete, and " +
    `methods marked † neither, as they read over ${EXCESS} times the budget.`,
    `minference prefills with ${vertical} columns and ${slash} diagonals for the longest prompts, in proportion for others.` +
    (settings.gates === null
      ? " duoattention has no gates: up to a budget of 640 tokens all of its heads stream, so gates decide nothing."
      : ""),
  ];
  return [
    `Made on ${date} by \`${command}\` at commit ${commit} on ${machine}. Model: ${model}. Seed ${settings.seed}.`,
    notes.map((note) => `- ${note}`).join("\n"),
  ];
}

function samplesLine({ settings }: Table, { samples, noise }: ContextTable): string[] {
  const needles = `${plural(samples.needles, "needle")} at depths of ${settings.depths.join(", ")} %`;
  if (noise === null) return [`${needles}.`];
  return [
    `${plural(samples.prose, "prompt")} of prose and ${samples.files} of the files, ${
      plural(settings.steps, "step")
    } each; ${needles}. Noise floor, the full ` +
    `cache against itself, summed in another order: KL ${noise.kl.toPrecision(2)}, top-1 ${percent(noise.top1)}.`,
  ];
}

/** How much more than its budget a method may read to be among the best. */
const EXCESS = 1.4;
const OUT_OF_COMPETITION = ["full", "minference", "oracle", "oracle-group"];

function competes({ method, budget, read }: Row): boolean {
  return !OUT_OF_COMPETITION.includes(method) && (budget === null || read <= EXCESS * budget);
}

/** A column: its heading, what a cell says, and where it can be won the number that is larger for the better. */
interface Column {
  readonly name: string;
  readonly text: (row: Row) => string;
  readonly merit?: (row: Row) => number;
}

const KL: Column = {
  name: "KL",
  text: ({ texts }) => withError(texts!.kl.toPrecision(3), texts!.klError),
  merit: ({ texts }) => -texts!.kl,
};
const FOUND: Column = {
  name: "found",
  text: ({ needles }) => `${needles.found}/${needles.count}`,
  merit: ({ needles }) => needles.found,
};
const KEY: Column = {
  name: "key",
  text: ({ needles }) => withError(needles.keyLogprob.toFixed(3), needles.keyLogprobError),
  merit: ({ needles }) => needles.keyLogprob,
};
const TEXT_COLUMNS: readonly Column[] = [
  KL,
  {
    name: "KL, prose",
    text: ({ texts }) => texts!.klOf.prose.toPrecision(3),
    merit: ({ texts }) => -texts!.klOf.prose,
  },
  {
    name: "KL, files",
    text: ({ texts }) => texts!.klOf.files.toPrecision(3),
    merit: ({ texts }) => -texts!.klOf.files,
  },
  { name: "top-1", text: ({ texts }) => percent(texts!.top1), merit: ({ texts }) => texts!.top1 },
  {
    name: "nll +",
    text: ({ texts }) => withError(texts!.nllDifference.toFixed(3), texts!.nllDifferenceError),
    merit: ({ texts }) => -texts!.nllDifference,
  },
];
const COSTS: readonly Column[] = [
  { name: "read", text: ({ read }) => formatCount(read) },
  { name: "stored", text: ({ stored }) => formatBytes(stored) },
];

/** KL and what was found at every budget: a line per method. */
function overview(budgets: readonly number[], { rows, noise }: ContextTable): string {
  const columns = noise === null ? [FOUND, KEY] : [KL, FOUND];
  const cells = columns.flatMap((column) => budgets.map((budget) => cellsOf(column, at(rows, budget))));
  const head = columns.flatMap(({ name }) => budgets.map((budget) => `${name} at ${budget}`));
  const methods = at(rows, budgets[0]!).map(({ method }) => method);
  return markdownTable(["method", ...head], methods.map((method, i) => [method, ...cells.map((column) => column[i]!)]));
}

function detail(budget: number, { rows, noise }: ContextTable): string {
  const shown = at(rows, budget);
  const columns = [...(noise === null ? [] : TEXT_COLUMNS), FOUND, KEY, ...COSTS];
  const cells = columns.map((column) => cellsOf(column, shown));
  const name = (row: Row) => competes(row) || OUT_OF_COMPETITION.includes(row.method) ? row.method : `${row.method} †`;
  const head = ["method", ...columns.map((column) => column.name)];
  return markdownTable(head, shown.map((row, i) => [name(row), ...cells.map((column) => column[i]!)]));
}

/** A row for every method; those without a budget stand at each. */
function at(rows: readonly Row[], budget: number): Row[] {
  return rows.filter((row) => row.budget === null || row.budget === budget);
}

/** Texts of a column; what reads like the best is bold. */
function cellsOf({ text, merit }: Column, rows: readonly Row[]): string[] {
  const rivals = rows.filter(competes);
  if (merit === undefined || rivals.length === 0) return rows.map(text);
  const best = text(rivals.reduce((a, b) => merit(b) > merit(a) ? b : a)).split(" ")[0];
  return rows.map((row) => competes(row) && text(row).split(" ")[0] === best ? `**${text(row)}**` : text(row));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
