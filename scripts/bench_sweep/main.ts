/**
 * Measures what more plans on one prompt cost: wall time of a sample with eight arms over that of a sample with one, both in
 * this run, taking turns.
 *
 *   .tools/bin/deno run -A scripts/bench_sweep/main.ts [--model smollm2] [--context 4096] [--rounds 5] [--threads N]
 *       [--method rocketkv] [--budget 256] [--json]
 *
 * The sample is a needle in prose: its prompt, its answer, and the log probability of its key. It prints medians and their
 * ratio, the same of processor time, which neighbours on the machine change less, and where the time of the eight goes.
 */
import { cpuUsage } from "node:process";
import { parseArgs } from "node:util";
import { markdownTable } from "../../lib/markdown.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { median } from "../../lib/statistics.ts";
import type { Timing } from "../../lib/sweep/folder/prediction.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import { openTask } from "../../lib/tasks/catalog.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    model: { type: "string", default: "smollm2" },
    context: { type: "string", default: "4096" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "0" },
    method: { type: "string", default: "rocketkv" },
    budget: { type: "string", default: "256" },
    json: { type: "boolean", default: false },
  },
});
const { signal } = new AbortController();
const recipe = (method: string, tokens: number): Recipe => (
  { method: findMethod(method), budget: { kind: "tokens", tokens }, set: {} }
);
const ONE = [recipe(values.method, Number(values.budget))];
const EIGHT = [
  recipe("full", 1),
  ...[128, 256, 512].map((tokens) => recipe("rocketkv", tokens)),
  ...["snapkv", "hsa", "quest", "streaming"].map((name) => recipe(name, 256)),
];

using engine = await Engine.open({ model: values.model, device: "cpu", threads: Number(values.threads) });
const task = await openTask({ name: "niah", options: { depths: [50] } });
const length = { unit: "tokens", count: Number(values.context) } as const;
const groups = await task.groups({ text: engine.text, length, seed: 1, count: 1 });
const samples = await groups[0]!.make();
const group = { ...groups[0]!, make: () => Promise.resolve(samples) }; // making it is not measured

/** Milliseconds of a sample, on the clock and on all processors, and the times of its arms. */
interface Sample {
  readonly ms: number;
  readonly cpuMs: number;
  readonly timings: readonly Timing[];
}

async function run(recipes: readonly Recipe[]): Promise<Sample> {
  const arms = recipes.map((recipe, i) => ({ cell: `${i}`, recipe }));
  const unit = { task, group, arms, moment: "query-aware", scorer: "fixed", truncate: "refuse", session: {} } as const;
  const start = performance.now(), cpu = cpuUsage();
  const [result] = await Array.fromAsync(runUnit(engine, { ...unit, done: new Set() }, { signal }));
  const { user, system } = cpuUsage(cpu); // microseconds
  const timings = result!.answers.map(({ timing }) => timing);
  return { ms: performance.now() - start, cpuMs: (user + system) / 1000, timings };
}

await run(ONE); // the weights are in memory afterwards
const one: Sample[] = [], eight: Sample[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  for (const recipes of round % 2 === 0 ? [ONE, EIGHT] : [EIGHT, ONE]) {
    (recipes === ONE ? one : eight).push(await run(recipes));
  }
  console.error(`round ${round + 1}: one ${one.at(-1)!.ms.toFixed(0)} ms, eight ${eight.at(-1)!.ms.toFixed(0)} ms`);
}

const PARTS = ["prefill", "compress", "select", "attend", "linear"] as const;

/** Milliseconds of all arms of a sample. */
function partOf({ timings }: Sample, part: typeof PARTS[number]): number {
  return timings.reduce((sum, timing) => sum + timing[`${part}Ms`], 0);
}

const medianOf = (samples: readonly Sample[], value: (sample: Sample) => number) => median(samples.map(value));
const wall = (sample: Sample) => sample.ms, cpu = (sample: Sample) => sample.cpuMs;
const record = {
  model: engine.source.name,
  context: length.count,
  rounds: one.length,
  oneMs: medianOf(one, wall),
  eightMs: medianOf(eight, wall),
  ratio: medianOf(eight, wall) / medianOf(one, wall),
  cpuRatio: medianOf(eight, cpu) / medianOf(one, cpu),
  eightPartsMs: Object.fromEntries(PARTS.map((part) => [part, medianOf(eight, (sample) => partOf(sample, part))])),
};
if (values.json) {
  console.log(JSON.stringify(record, null, 1));
} else {
  const row = (what: string, ms: number) => [what, ms.toFixed(0)];
  console.log(markdownTable(["part", "ms"], [
    row(`one plan (${values.method}, budget ${values.budget})`, record.oneMs),
    row("eight plans", record.eightMs),
    ...Object.entries(record.eightPartsMs).map(([name, ms]) => row(`of these ${name}`, ms)),
  ]));
  console.log(
    `\nEight plans cost ${record.ratio.toFixed(2)} times one (${
      record.cpuRatio.toFixed(2)
    } times its processor time), on a prompt of ${record.context} tokens of ${record.model}.`,
  );
}
