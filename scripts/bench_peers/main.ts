/**
 * Measures rocketkv and llama.cpp side by side: same GGUF file, same machine, same thread counts, taking turns.
 *
 *   .tools/bin/deno run --allow-all scripts/bench_peers/main.ts --model FILE.gguf [--contexts 2048,8192] [--threads 1,2]
 *       [--rounds 3] [--steps 32] [--budget 256] [--out FILE.json]
 *
 * Every measurement runs in a process of its own; medians over the rounds are printed as Markdown, every single one is
 * in the JSON file. Nothing else should run on the machine: llama.cpp's threads spin, and collapse when they share a core.
 */

import { parseArgs } from "node:util";
import type { Sample } from "./measurement.ts";
import { installLlamaCpp, LLAMA_CPP_VERSION, llamaCpp, measure, output, rocketkv } from "./programs.ts";
import { markdown } from "./report.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    model: { type: "string" },
    contexts: { type: "string", default: "2048,8192" },
    threads: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "3" },
    steps: { type: "string", default: "32" },
    budget: { type: "string", default: "256" },
    out: { type: "string" },
  },
});
const numbers = (text: string) => text.split(",").map(Number);
const model = values.model;
if (model === undefined) throw new Error("Cannot measure without --model: expected a GGUF file");
const contexts = numbers(values.contexts);
const budget = Number(values.budget);
const work = { model, contexts, steps: Number(values.steps), budget };

await installLlamaCpp();
const samples: Sample[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  for (const threads of numbers(values.threads)) {
    for (const program of round % 2 === 0 ? [rocketkv, llamaCpp] : [llamaCpp, rocketkv]) {
      for (const measurement of await measure(program, { ...work, threads })) {
        samples.push({ ...measurement, program: program.name, round });
      }
      console.error(`round ${round + 1}: ${program.name} with ${threads} threads done`);
    }
  }
}

const machine = await describeMachine();
const commands = [rocketkv, llamaCpp].map((program) => program.command({ ...work, threads: 1 }).map(shown).join(" "));
console.log(markdown(samples, contexts, budget));
console.log(`\nMedians of ${values.rounds} rounds. ${machine}. Commands, here with one thread:\n`);
for (const command of commands) console.log(`    ${command}`);
if (values.out !== undefined) {
  await Deno.writeTextFile(values.out, JSON.stringify({ machine, commands, samples }, null, 1) + "\n");
}

async function describeMachine(): Promise<string> {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const node = (await output(["node", "--version"])).trim();
  return `${cpu}, ${navigator.hardwareConcurrency} threads, ${memory} GiB; node-llama-cpp ${LLAMA_CPP_VERSION}, node ${node}`;
}

/** A word of a command as one would type it in the repository. */
function shown(word: string): string {
  const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);
  return word.replace(root, "").replace(/^\/(root|home\/[^/]+)\//, "~/");
}
