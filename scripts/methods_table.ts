/**
 * Every method at several budgets on one model: how far its next tokens are from the full cache's, whether it still finds a
 * needle, and what it reads and stores for that.
 *
 *   .tools/bin/deno run -A scripts/methods_table.ts [--model smollm2|needle|PATH] [--contexts 2048,4096]
 *       [--budgets 64,128,256,512] [--samples 3] [--depths 10,50,90] [--steps 16] [--seed 1] [--threads N]
 *       [--gates FILE] [--resume] [--out FOLDER]
 *
 * It writes methods-<model>.json and .md to docs/results. Results are kept sample by sample in build/methods_table, and
 * --resume goes on where an interrupted run of the same table stopped.
 */
import { basename } from "node:path";
import { interruptCode, interruptSignal } from "../cli/interrupt.ts";
import { Engine } from "../lib/engine/engine.ts";
import { forksWorkload } from "../lib/engine/workload.ts";
import { makeNeedleModel } from "./make_needle_model.ts";
import { Journal } from "./methods_table/journal.ts";
import { originOf } from "./methods_table/machine.ts";
import { markdown } from "./methods_table/markdown.ts";
import { makeSamples, type SampleRecord } from "./methods_table/samples.ts";
import { parseCommand, recipesOf } from "./methods_table/settings.ts";
import { contextTables, type Table } from "./methods_table/table.ts";

const ROOT = new URL("../", import.meta.url).pathname;
/** Room for answers, for the estimate of memory. */
const NEW_TOKENS = 64;

const { settings, resume, out } = parseCommand(Deno.args);
const name = basename(settings.model).replace(/\.gguf$/i, "");
const work = `${ROOT}build/methods_table`;
const origin = await originOf("scripts/methods_table.ts", settings.threads);
const { commit, machine } = origin;
const journal = Journal.open<SampleRecord>(`${work}/${name}.jsonl`, { settings, commit, machine }, resume);

if (settings.model === "needle") makeNeedleModel(`${work}/needle`);
const path = settings.model === "needle" ? `${work}/needle` : settings.model;
const prepared = await Engine.prepare({ model: path, device: "cpu" });
const { config } = prepared.source;
const longest = Math.max(...settings.contexts);
const recipes = recipesOf(settings, config, longest);
const workload = forksWorkload(config, longest, { recipes, steps: Math.max(settings.steps, NEW_TOKENS), session: {} });
using engine = await Engine.load(prepared, { threads: settings.threads, workload });

const start = performance.now();
const signal = interruptSignal();
const onSample = (key: string, done: number, total: number) => {
  console.error(`${Math.round((performance.now() - start) / 1000)} s: ${key}, ${done} of ${total}`);
};
try {
  await makeSamples(engine, settings, (context) => recipesOf(settings, config, context), journal, { signal, onSample });
} catch (error) {
  if (!signal.aborted) throw error;
  console.error(`Stopped: ${journal.records.length} samples are in ${journal.path}: go on with --resume`);
  Deno.exit(interruptCode() ?? 1);
}

const table: Table = {
  ...origin,
  date: new Date().toISOString().slice(0, 10),
  model: engine.source.name,
  settings,
  contexts: contextTables(settings, config, journal.records),
};
const file = `${out}/methods-${name}`;
Deno.mkdirSync(out, { recursive: true });
Deno.writeTextFileSync(`${file}.json`, JSON.stringify(table, null, 1) + "\n");
Deno.writeTextFileSync(`${file}.md`, markdown(table));
console.error(`Wrote ${file}.json and ${file}.md`);
