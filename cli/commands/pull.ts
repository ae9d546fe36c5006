/** `rocketkv pull`: get models and haystacks by name, list them, check that they are whole. */
import type { Command } from "@commander-js/extra-typings";
import { RunError, UsageError } from "../../lib/error.ts";
import { pull, type Pulled, verifyModel } from "../../lib/model/hub.ts";
import { listModels, type Manifest } from "../../lib/model/store.ts";
import { pullHaystack } from "../../lib/tasks/haystack/pull.ts";
import { listHaystacks, verifyHaystack } from "../../lib/tasks/haystack/store.ts";
import { interruptSignal } from "../interrupt.ts";
import { formatBytes, plural } from "../ui/format.ts";
import { note, writeLine } from "../ui/output.ts";
import { Progress } from "../ui/progress.ts";

export function declare(command: Command): void {
  command
    .argument(
      "[names...]",
      "smollm2, a Hugging Face repository (org/name, org/name:file.gguf), the URL of a GGUF file; " +
        "or haystack and its name (moby-dick)",
    )
    .option("--list", "list the models and haystacks that are here", false)
    .option("--verify", "compare the files with their checksums instead; all of them without a name", false)
    .action(async (names, { list, verify }) => {
      if (list && verify) throw new UsageError("Cannot use --list with --verify: choose one");
      if (list) return await printList();
      if (names[0] === "haystack") return await (verify ? verifyHaystacks : pullHaystacks)(names.slice(1));
      if (verify) {
        await verifyAll(names.length > 0 ? names : (await listModels()).map(({ name }) => name));
        if (names.length === 0) await verifyHaystacks([]);
        return;
      }
      if (names.length === 0) {
        throw new UsageError('Cannot pull without a name: "rocketkv pull smollm2" gets a small model');
      }
      for (const name of names) await pullOne(name);
    });
}

async function pullOne(name: string): Promise<void> {
  const bars = new Map<string, Progress>();
  let pulled: Pulled;
  try {
    pulled = await pull(name, {
      signal: interruptSignal(),
      progress: (file, done, total) => {
        const bar = bars.get(file) ?? new Progress(file, (rate) => `${formatBytes(rate)}/s`);
        bars.set(file, bar);
        bar.update(done, total ?? 0);
      },
    });
  } finally {
    for (const bar of bars.values()) bar[Symbol.dispose]();
  }
  const { manifest, path, cached } = pulled;
  for (const { name, bytes, sha256 } of manifest.files) writeLine(`${sha256}  ${name}  ${formatBytes(bytes)}`);
  note(`${manifest.name} is ${cached ? "already here" : "ready"}: ${path}`);
}

async function pullHaystacks(names: readonly string[]): Promise<void> {
  for (const name of names.length > 0 ? names : ["moby-dick"]) {
    const { manifest, folder, cached } = await pullHaystack(name, { signal: interruptSignal() });
    writeLine(`${manifest.sha256}  ${name}  ${plural(manifest.words, "word")}`);
    note(`The haystack ${name} is ${cached ? "already here" : "ready"}: ${folder}/text.txt`);
    note(`It is used by --haystack pulled:${name}; ${manifest.licence}`);
  }
}

async function printList(): Promise<void> {
  const models = await listModels(), haystacks = await listHaystacks();
  if (models.length === 0 && haystacks.length === 0) {
    return note('No models yet: "rocketkv pull smollm2" gets a small one');
  }
  const { textTable } = await import("../ui/table.ts");
  writeLine(textTable(
    ["name", "size", "files", "from"],
    [
      ...models.map((model) => [model.name, formatBytes(sizeOf(model)), model.files.length, model.source]),
      ...haystacks.map(({ name, bytes, source }) => [`haystack ${name}`, formatBytes(bytes), 1, source]),
    ],
  ));
}

async function verifyAll(names: readonly string[]): Promise<void> {
  if (names.length === 0) return note("No models to verify");
  const broken: string[] = [];
  for (const name of names) {
    const damaged = await verifyModel(name, interruptSignal());
    writeLine(`${name}: ${damaged.length === 0 ? "whole" : `damaged: ${damaged.join(", ")}`}`);
    if (damaged.length > 0) broken.push(name);
  }
  if (broken.length > 0) throw new RunError(`Cannot trust ${broken.join(", ")}: pull again to repair`);
}

async function verifyHaystacks(names: readonly string[]): Promise<void> {
  const broken: string[] = [];
  const here = await listHaystacks();
  for (const name of names.length > 0 ? names : here.map(({ name }) => name)) {
    const manifest = here.find((one) => one.name === name);
    if (manifest === undefined) throw new RunError(`Cannot verify the haystack "${name}": it was not pulled`);
    const whole = await verifyHaystack(manifest);
    writeLine(`haystack ${name}: ${whole ? "whole" : "damaged: text.txt"}`);
    if (!whole) broken.push(name);
  }
  if (broken.length > 0) throw new RunError(`Cannot trust ${broken.join(", ")}: pull again to repair`);
}

function sizeOf({ files }: Manifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
