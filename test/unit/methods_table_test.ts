import assert from "node:assert/strict";
import type { Recipe } from "../../lib/engine/recipe.ts";
import type { StepMeasure } from "../../lib/fidelity/measures.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { equalReads } from "../../scripts/methods_table/equal_reads.ts";
import { Journal } from "../../scripts/methods_table/journal.ts";
import { markdown } from "../../scripts/methods_table/markdown.ts";
import type { NeedleRecord, TextRecord } from "../../scripts/methods_table/samples.ts";
import { parseCommand, recipesOf } from "../../scripts/methods_table/settings.ts";
import { standardError } from "../../lib/statistics.ts";
import { criticalErrors, wilson } from "../../lib/statistics/intervals.ts";
import { contextTables } from "../../scripts/methods_table/table.ts";

const config = { nLayers: 2, nKvHeads: 2 };
const close = (found: number, wanted: number, within = 1e-6) =>
  assert(Math.abs(found - wanted) < within, `${found} is not ${wanted}`);
const spent = (measuredBudget: number) => ({ measuredBudget, kvBytes: 100, auxBytes: 20 });
const step = (kl: number): StepMeasure => ({ kl, top1: true, top5: 1, margin: 1, nllFull: 2, nll: 2 + kl });

/** A text on which every method has a KL and a read, as given. */
function text(index: number, arms: readonly [kl: number, read: number][]): TextRecord {
  return {
    key: `prose/100/${index}`,
    kind: "text",
    context: 100,
    text: index % 2 === 0 ? "prose" : "files",
    noise: [step(0.001)],
    arms: arms.map(([kl, read]) => ({ measures: [step(kl), step(kl)], spent: spent(read) })),
  };
}

function needle(index: number, arms: readonly [logprob: number, read: number][]): NeedleRecord {
  return {
    key: `needle/100/${index}/50`,
    kind: "needle",
    context: 100,
    depth: 50,
    arms: arms.map(([keyLogprob, read]) => (
      { answer: "1", found: keyLogprob > -1, partial: 1, keyLogprob, spent: spent(read) }
    )),
  };
}

Deno.test("the table has every method of the registry at every budget, and those without a budget once", () => {
  const { settings } = parseCommand(["--budgets", "32,64", "--contexts", "100"]);
  const recipes = recipesOf(settings, config, 100);
  for (const { name, ignoresBudget } of methods) {
    assert.equal(recipes.filter(({ method }) => method.name === name).length, ignoresBudget ? 1 : 2, name);
  }
  assert(recipes.some(({ method }) => method.name === "adakv(snapkv)"));
  assert(recipes.every(({ set }) => set["decode_tail"] === 1));
  assert.throws(
    () => recipesOf({ ...settings, budgets: [1000] }, config, 100),
    /budget above 640 tokens: pass its gates with --gates/,
  );
  assert.throws(() => parseCommand(["--samples", "0"]), /Cannot use --samples "0": it must be an integer >= 1/);
});

Deno.test("methods are compared where they read as much as rocketkv, sample by sample", () => {
  const recipe = (name: string, tokens: number): Recipe => ({
    method: findMethod(name),
    budget: { kind: "tokens", tokens },
    set: {},
  });
  const recipes = [
    recipe("rocketkv", 200),
    recipe("snapkv", 100),
    recipe("snapkv", 400),
    recipe("streaming", 50),
    recipe("full", 1),
  ];
  const reads = [200, 100, 400, 50, 1000];
  const arms = (...values: number[]) => values.map((value, i): [number, number] => [value, reads[i]!]);
  const texts = [text(0, arms(0.1, 0.4, 0.1, 1, 0)), text(1, arms(0.3, 1.6, 0.4, 1, 0))];
  const needles = [needle(0, arms(-1, -3, 0, -9, 0)), needle(1, arms(-2, -4, -1, -9, 0))];
  const { read, rivals } = equalReads(200, recipes, texts, needles);
  assert.equal(read, 200);
  assert.deepEqual(rivals.map(({ method }) => method), ["snapkv", "streaming"]);
  const [snapkv, streaming] = rivals;
  // 200 is half way from 100 to 400 in logarithms: the geometric mean of KL, the plain one of log probabilities.
  close(snapkv!.kl!.theirs, (Math.sqrt(0.4 * 0.1) + Math.sqrt(1.6 * 0.4)) / 2);
  close(snapkv!.kl!.lead, (0.1 + 0.5) / 2);
  close(snapkv!.kl!.leadError!, 0.2);
  assert.equal(snapkv!.kl!.verdict, "undecided");
  close(snapkv!.keyLogprob.theirs, -2);
  close(snapkv!.keyLogprob.lead, 0.5);
  assert.equal(snapkv!.keyLogprob.verdict, "better"); // by as much in both samples
  const little = equalReads(200, recipes.slice(0, 3), [], [
    needle(0, arms(-1, -1.0001, -1.0001)),
    needle(1, arms(-1, -1.0001, -1.0001)),
  ]);
  assert.equal(little.rivals[0]!.keyLogprob.verdict, "undecided"); // certain, but too little to mean anything
  assert.equal(snapkv!.nearest, false);
  assert.equal(streaming!.read, 50);
  assert.equal(streaming!.nearest, true);
});

Deno.test("bold is the best of those that compress and keep near their budget", () => {
  const { settings } = parseCommand(["--budgets", "64", "--contexts", "100"]);
  const recipes = recipesOf(settings, config, 100);
  const arms = (values: Record<string, [number, number]>) =>
    recipes.map(({ method }): [number, number] => values[method.name] ?? [5, 64]);
  const kl = { full: [0, 100], oracle: [0.1, 99], rocketkv: [0.5, 63], h2o: [0.2, 96] } as const;
  const texts = [0, 1].map((i) => text(i, arms(kl as unknown as Record<string, [number, number]>)));
  const needles = [needle(0, arms({ rocketkv: [-0.5, 63] }).map(([v, read]) => [-Math.abs(v), read]))];
  const [context] = contextTables(settings, config, [...texts, ...needles]);
  assert.deepEqual(context!.samples, { prose: 1, files: 1, needles: 1 });
  close(context!.noise!.kl, 0.001);
  const origin = { command: "x", commit: "c", machine: "m", date: "2000-01-01", model: "tiny" };
  const page = markdown({ ...origin, settings, contexts: [context!] });
  const lines = page.slice(page.indexOf("### Budget 64")).split("\n");
  const line = (name: string) => lines.find((one) => one.startsWith(`| ${name} |`))!;
  assert.match(line("rocketkv"), /^\| rocketkv \| \*\*0\.500 ± 0\.0\*\* \|.*\| \*\*1\/1\*\* \|.* 63 \| 120 B \|$/);
  for (const name of ["full", "oracle", "h2o †", "snapkv"]) assert.doesNotMatch(line(name), /\*\*0\.|\*\*5\./, name);
});

Deno.test("a journal goes on where it was torn off, and only with the same settings", () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-journal-" });
  const path = `${folder}/a.jsonl`;
  const first = Journal.open<{ key: string; value: number }>(path, { a: 1 }, false);
  first.add({ key: "x", value: 1 });
  first.add({ key: "y", value: 2 });
  Deno.writeTextFileSync(path, Deno.readTextFileSync(path).slice(0, -3)); // as a crash leaves it
  const second = Journal.open<{ key: string; value: number }>(path, { a: 1 }, true);
  assert.deepEqual(second.find("x"), { key: "x", value: 1 });
  assert.equal(second.find("y"), undefined);
  second.add({ key: "y", value: 3 });
  assert.equal(Journal.open<{ key: string; value: number }>(path, { a: 1 }, true).find("y")!.value, 3);
  assert.throws(() => Journal.open(path, { a: 2 }, true), /Cannot resume .*it has results of \{"a":1\}/);
  assert.deepEqual(Journal.open(path, { a: 2 }, false).records, []);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("errors and intervals, worked by hand", () => {
  close(standardError([1, 3])!, 1);
  assert.equal(standardError([1]), null);
  assert.equal(criticalErrors(3), 4.303);
  close(criticalErrors(12), 2.201, 0.01); // from a table of Student's t
  close(criticalErrors(31), 2.042, 0.01);
  const [low, high] = wilson(5, 10);
  close(low, 0.2366, 1e-3);
  close(high, 0.7634, 1e-3);
  close(wilson(0, 10)[0], 0);
});
