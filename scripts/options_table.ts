/**
 * What the options of RocketKV change, one at a time: how far the next tokens are from the full cache's, and whether needles
 * are found, on a real model and on the constructed retrieval model.
 *
 *   .tools/bin/deno run -A scripts/options_table.ts [--resume]
 *
 * It writes docs/results/options-rocketkv.md. Results are kept sample by sample in build/methods_table, and --resume goes
 * on where an interrupted run stopped.
 */
import { interruptSignal } from "../cli/interrupt.ts";
import { withError } from "../cli/ui/format.ts";
import { markdownTable } from "../cli/ui/table.ts";
import { Engine } from "../lib/engine/engine.ts";
import type { Recipe } from "../lib/engine/recipe.ts";
import { findMethod } from "../lib/methods/registry.ts";
import { makeNeedleModel } from "./make_needle_model.ts";
import { Journal } from "./methods_table/journal.ts";
import { originOf } from "./methods_table/machine.ts";
import { type Row, rowsOf } from "./methods_table/rows.ts";
import {
  makeSamples,
  type NeedleRecord,
  type SampleRecord,
  type SampleSettings,
  type TextRecord,
} from "./methods_table/samples.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const WORK = `${ROOT}build/methods_table`;
const CONTEXT = 2048;
const BUDGETS = [128, 256];

/** Settings that are tried, each against the defaults. */
const OPTIONS: readonly (readonly [what: string, set: Readonly<Record<string, number>>])[] = [
  ["defaults", {}],
  ["pin_recent=1 (the current token)", { pin_recent: 1 }],
  ["pin_recent=8", { pin_recent: 8 }],
  ["pin_sinks=4", { pin_sinks: 4 }],
  ["pin_sinks=4 pin_recent=8", { pin_sinks: 4, pin_recent: 8 }],
  ["sinks=4 pin_sinks=4", { sinks: 4, pin_sinks: 4 }],
  ["tie=position", { tie: 1 }],
  ["group_rule=max", { group_rule: 1 }],
  ["rank=logit_sum", { rank: 1 }],
  ["rank=per_head", { rank: 2 }],
  ["sign=head", { sign: 1 }],
  ["page_size=1 (token level)", { page_size: 1 }],
  ["page_size=4", { page_size: 4 }],
  ["whole_pages=1", { whole_pages: 1 }],
  ["kernel=7", { kernel: 7 }],
  ["window=64", { window: 64 }],
];

const MODELS: readonly (readonly [model: string, settings: SampleSettings])[] = [
  ["smollm2", { contexts: [CONTEXT], samples: 2, depths: [10, 50, 90], steps: 32, seed: 1 }],
  ["needle", { contexts: [CONTEXT], samples: 2, depths: [10, 50, 90], steps: 0, seed: 1 }],
];

const recipes = BUDGETS.flatMap((tokens) =>
  OPTIONS.map(([, set]): Recipe => ({
    method: findMethod("rocketkv"),
    budget: { kind: "tokens", tokens },
    set: { decode_tail: 1, ...set },
  }))
);

const threads = navigator.hardwareConcurrency;
const { command, commit, machine } = await originOf("scripts/options_table.ts", threads);
const sections: string[] = [];
for (const [model, settings] of MODELS) {
  const journal = Journal.open<SampleRecord>(
    `${WORK}/options-${model}.jsonl`,
    { settings, OPTIONS, BUDGETS, commit, machine },
    Deno.args.includes("--resume"),
  );
  if (model === "needle") makeNeedleModel(`${WORK}/needle`);
  using engine = await Engine.open({ model: model === "needle" ? `${WORK}/needle` : model, device: "cpu", threads });
  await makeSamples(engine, settings, () => recipes, journal, {
    signal: interruptSignal(),
    onSample: (key, done, total) => console.error(`${model}: ${key}, ${done} of ${total}`),
  });
  const texts = journal.records.filter((record): record is TextRecord => record.kind === "text");
  const needles = journal.records.filter((record): record is NeedleRecord => record.kind === "needle");
  const rows = rowsOf(recipes, texts, needles);
  BUDGETS.forEach((budget, i) => {
    const own = rows.slice(i * OPTIONS.length, (i + 1) * OPTIONS.length);
    sections.push(`## ${engine.source.name}, budget ${budget}`, table(own, texts.length > 0));
    sections.push(`${texts.length} texts, ${needles.length} needles.`);
  });
}

Deno.writeTextFileSync(
  `${ROOT}docs/results/options-rocketkv.md`,
  [
    "# Options of RocketKV",
    `Made on ${new Date().toISOString().slice(0, 10)} by \`${command}\` at commit ` +
    `${commit} on ${machine}. Prompts of ${CONTEXT} tokens, of which the last is fed as a decode step; 32 steps on texts. ` +
    "Columns as in methods-smollm2.md; read is what a step really reads, so options that read more are not at equal budget.",
    ...sections,
  ].join("\n\n") + "\n",
);

function table(rows: readonly Row[], withTexts: boolean): string {
  const head = ["option", "read", ...(withTexts ? ["KL", "top-1", "nll +"] : []), "found", "key"];
  const measured = (value: number, error: number | null) => withError(value.toPrecision(3), error);
  return markdownTable(
    head,
    rows.map(({ read, texts, needles }, i) => [
      OPTIONS[i]![0],
      read.toFixed(0),
      ...(texts === null || !withTexts ? [] : [
        measured(texts.kl, texts.klError),
        `${(100 * texts.top1).toFixed(1)}%`,
        measured(texts.nllDifference, texts.nllDifferenceError),
      ]),
      `${needles.found} of ${needles.count}`,
      measured(needles.keyLogprob, needles.keyLogprobError),
    ]),
  );
}
