/** What a study will take, before anything runs. */
import { unitWorkload } from "../engine/workload.ts";
import { type MemoryNeed, memoryNeed } from "../engine/memory.ts";
import type { ModelSource } from "../model/types.ts";
import type { Device } from "../native/library.ts";
import { assemble, type Prompt } from "../tasks/prompt/assemble.ts";
import { FILLED, fillShare } from "../tasks/prompt/fill_share.ts";
import type { Sample } from "../tasks/sample.ts";
import { sum } from "../statistics.ts";
import type { PlannedUnit } from "./grid/expand.ts";
import { prefillTokens } from "./run/prefills.ts";
import { armTokens } from "./run/run_job.ts";
import { planUnit } from "./run/thread.ts";
import { tokeniseOf, type Unit } from "./run/unit.ts";

/** Where a model's memory need comes from; null for one that a server runs. */
export interface Site {
  readonly source: ModelSource;
  readonly kind: Device["kind"];
}

export interface UnitsForecast {
  /** Samples times arms. */
  readonly answers: number;
  readonly samples: number;
  /** Tokens of prompts, those that samples and arms share once; and most tokens that arms are fed one by one. */
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  /** Of the unit that needs most; null for a server's. */
  readonly memory: MemoryNeed | null;
  /** The least that a prompt takes up of the length that it is called by, where that is too little: see `FILLED`. */
  readonly underfilled: readonly { readonly task: string; readonly length: number; readonly fill: number }[];
  /** The first prompts, for people. */
  readonly prompts: readonly ShownPrompt[];
}

export interface ShownPrompt {
  readonly task: string;
  readonly sample: string;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** See `fillShare()`. */
  readonly fill: number | null;
  /** BOS tokens in it; null for a model that has none. */
  readonly bosTokens: number | null;
  /** Special tokens included. */
  readonly text: string;
}

/** Groups of a place that are made: the others are taken to be like them. */
const MADE = 3;

/**
 * @param units  Of one model. Of every task, length, seed, moment and KV type the first, middle and last group are generated.
 * @param show   Prompts to bring along.
 * @throws {RunError} for samples that cannot be made or do not fit, {UsageError} for recipes that cannot be planned.
 */
export async function forecastUnits(
  units: readonly PlannedUnit[],
  site: Site | null,
  show: number,
): Promise<UnitsForecast> {
  const sum = { answers: 0, samples: 0, prefillTokens: 0, decodeTokens: 0 };
  let memory: MemoryNeed | null = null;
  const prompts: ShownPrompt[] = [], underfilled: UnitsForecast["underfilled"][number][] = [];
  for (const own of Map.groupBy(units, placeOf).values()) {
    const made = [...new Set([0, own.length >> 1, own.length - 1])].slice(0, MADE).map((i) => own[i]!);
    let keys = 0, prefill = 0, decode = 0, fill = Infinity;
    for (const unit of made) {
      const samples = await unit.group.make();
      const size = sizeOf(unit, samples, site);
      keys += samples.length;
      prefill += size.prefillTokens;
      decode += size.decodeTokens;
      if (site !== null && size.newTokens !== null) {
        const need = memoryNeed(site.source, unitWorkload(site.source.config, { ...unit, ...size }), site.kind);
        if (memory === null || total(need) > total(memory)) memory = need;
      }
      for (const [i, prompt] of size.prompts.entries()) {
        fill = Math.min(fill, fillOf(unit, prompt) ?? Infinity);
        if (prompts.length < show) prompts.push(shown(unit, samples[i]!, prompt));
      }
    }
    const { task, length } = own[0]!;
    if (fill < FILLED) underfilled.push({ task: task.spec.name, length: length!.count, fill });
    const count = own.reduce((sum, { group }) => sum + group.keys.length, 0);
    sum.samples += count;
    sum.answers += count * own[0]!.arms.length;
    sum.prefillTokens += prefill / keys * count;
    sum.decodeTokens += decode / keys * count;
  }
  return { ...sum, memory, underfilled, prompts };
}

function placeOf({ task, length, moment, session, arms }: PlannedUnit): string {
  return JSON.stringify([task.spec, length, moment, session, arms.map(({ cell }) => cell)]);
}

function total({ weightBytes, cacheBytes, workBytes }: MemoryNeed): number {
  return weightBytes + cacheBytes + workBytes;
}

interface UnitSize {
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly prompts: readonly Prompt[];
}

function sizeOf(planned: PlannedUnit, samples: readonly Sample[], site: Site | null): UnitSize {
  const { model: { text }, task, moment, truncate } = planned;
  const { history = "golden" } = task;
  const contextLength = site?.source.config.contextLength ?? Infinity;
  const options = { tokenise: tokeniseOf(task, moment), history, truncate, contextLength };
  const prompts = samples.map((sample) => assemble(text, sample, options));
  const lengths = prompts.map(({ head, turns }) => head.length + turns.reduce((sum, { tail }) => sum + tail.length, 0));
  const answers = prompts.map(({ turns }) => turns.reduce((sum, { newTokens }) => sum + newTokens, 0));
  const longest = { promptTokens: Math.max(...lengths), newTokens: Math.max(...answers), prompts };
  if (site === null) return { ...longest, prefillTokens: sum(lengths), decodeTokens: sum(answers) };
  const unit: Unit = { ...planned, done: new Set() };
  const plan = planUnit({ text, config: site.source.config }, unit, samples);
  const fed = plan.threads.flatMap((thread) => thread.jobs.map((job) => job.arms.length * armTokens(thread, job)));
  return { ...longest, prefillTokens: prefillTokens(plan, () => true), decodeTokens: sum(fed) };
}

function fillOf({ length }: PlannedUnit, { head, turns }: Prompt): number | null {
  const { tail, newTokens } = turns[0]!;
  return fillShare(length, head.length + tail.length, newTokens);
}

function shown(unit: PlannedUnit, { key }: Sample, prompt: Prompt): ShownPrompt {
  const { task, model: { text: { tokenizer } } } = unit, { head, turns } = prompt;
  const ids = [...head, ...turns[0]!.tail], { bosId } = tokenizer;
  return {
    task: task.spec.name,
    sample: key,
    promptTokens: ids.length,
    newTokens: turns[0]!.newTokens,
    fill: fillOf(unit, prompt),
    bosTokens: bosId === null ? null : ids.filter((id) => id === bosId).length,
    text: tokenizer.decode(ids, { special: true }),
  };
}
