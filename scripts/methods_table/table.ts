/** All numbers of a table, as its JSON file has them. */
import { type FidelitySummary, summarise } from "../../lib/fidelity/summary.ts";
import { type EqualReads, equalReads } from "./equal_reads.ts";
import type { Origin } from "./machine.ts";
import { type Row, rowsOf } from "./rows.ts";
import type { NeedleRecord, SampleRecord, TextRecord } from "./samples.ts";
import { type Heads, recipesOf, type Settings } from "./settings.ts";
import { type TextName, TEXTS } from "./texts.ts";

export interface Table extends Origin {
  /** Day on which it was finished. */
  readonly date: string;
  readonly model: string;
  readonly settings: Settings;
  readonly contexts: readonly ContextTable[];
}

/** One length of prompts. */
export interface ContextTable {
  readonly context: number;
  /** Prompts of each text, and needles. */
  readonly samples: Readonly<Record<TextName | "needles", number>>;
  /** The full cache against itself, summed in another order: smaller differences mean nothing. Null without texts. */
  readonly noise: FidelitySummary | null;
  readonly rows: readonly Row[];
  readonly equalReads: EqualReads;
}

export function contextTables(
  settings: Settings,
  config: Heads,
  records: readonly SampleRecord[],
): ContextTable[] {
  return settings.contexts.map((context): ContextTable => {
    const recipes = recipesOf(settings, config, context);
    const own = records.filter((record) => record.context === context);
    const texts = own.filter((record): record is TextRecord => record.kind === "text");
    const needles = own.filter((record): record is NeedleRecord => record.kind === "needle");
    const prompts = TEXTS.map((name) => [name, texts.filter(({ text }) => text === name).length] as const);
    return {
      context,
      samples: { ...Object.fromEntries(prompts) as Record<TextName, number>, needles: needles.length },
      noise: texts.length > 0 ? summarise(texts.map(({ noise }) => noise)) : null,
      rows: rowsOf(recipes, texts, needles),
      equalReads: equalReads(middleOf(settings.budgets), recipes, texts, needles),
    };
  });
}

/** The budget at which RocketKV is compared: 256 of the usual ones, so that others have points on both sides. */
function middleOf(budgets: readonly number[]): number {
  return budgets.toSorted((a, b) => a - b)[Math.floor(budgets.length / 2)]!;
}
