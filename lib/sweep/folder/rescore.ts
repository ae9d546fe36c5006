/** Scores of answers that are there already: nothing is run, and no answer is touched. */
import { RunError } from "../../error.ts";
import { writing } from "../../model/writing.ts";
import type { ScoreMode } from "../../tasks/metrics/metric.ts";
import { scoreAnswer } from "../../tasks/metrics/registry.ts";
import type { Json } from "../../tasks/sample.ts";
import { cellOf } from "../grid/cell.ts";
import { parseLine, reading, readLines, writeWhole } from "./files.ts";
import { cellFolder, expectedSamples, readManifest, writeManifest } from "./folder.ts";
import { type Holder, lockShard } from "./lock.ts";
import type { Manifest } from "./manifest.ts";
import type { Prediction } from "./prediction.ts";
import { readEntries, sortEntries } from "./results.ts";
import { WHOLE } from "./shard.ts";

export interface Rescored {
  readonly cells: number;
  readonly answers: number;
  /** Answers whose scores are not what they were. */
  readonly changed: number;
}

/**
 * Score every answer of a run again, as its cell says, in all files that have it: shards' as well as merged ones. A file is
 * replaced as a whole, and only where a score changes; called again after an interruption, it does the rest.
 *
 * @throws {RunError} for a folder that is no run, is damaged, cannot be written, or is being worked on.
 */
export async function rescoreRun(path: string, holder: Holder): Promise<Rescored> {
  const { cells } = await manifestOf(path);
  const [lock, result] = await lockShard(path, WHOLE, holder, async () => {
    const seen = new Set<string>(), changed = new Set<string>();
    for (const { id, config } of cells) {
      for (const name of await predictionFiles(cellFolder(path, id))) {
        const file = `${cellFolder(path, id)}/${name}`, { texts } = await readLines(file);
        const again = texts.map((text, i) => {
          const prediction = parseLine<Prediction>(file, i + 1, text),
            key = `${id} ${prediction.sample} ${prediction.turn}`;
          const line = rescoreLine(text, prediction, config.scorer);
          if (prediction.scores !== null) seen.add(key);
          if (line !== text) changed.add(key);
          return line;
        });
        if (again.some((line, i) => line !== texts[i])) await writeWhole(file, linesOf(again));
      }
    }
    return { cells: cells.length, answers: seen.size, changed: changed.size };
  });
  lock[Symbol.dispose]();
  return result;
}

/**
 * The same answers as a run of another scorer: the folder that such a run would have made, merged.
 *
 * @throws {RunError} as `rescoreRun`, and for a folder that has a run already.
 */
export async function rescoreInto(path: string, out: string, scorer: ScoreMode): Promise<Rescored> {
  const manifest = await manifestOf(path);
  if (await readManifest(out) !== null) {
    throw new RunError(`Cannot write the run ${out}: expected a folder without manifest.json, found a run`);
  }
  const cells = manifest.cells.map((cell) => ({ from: cell.id, cell: cellOf({ ...cell.config, scorer }) }));
  const renamed = new Map(cells.map(({ from, cell }) => [from, cell.id]));
  await writing(out, () => Deno.mkdir(out, { recursive: true }));
  let answers = 0, changed = 0;
  for (const { from, cell } of cells) {
    const { predictions, timings } = await readEntries(cellFolder(path, from));
    const samples = expectedSamples(manifest, from), folder = cellFolder(out, cell.id);
    const lines = sortEntries(predictions.values(), samples).map(({ text, value }) => {
      const line = rescoreLine(text, value, scorer);
      if (value.scores !== null) answers++;
      if (line !== text) changed++;
      return line;
    });
    await writing(folder, () => Deno.mkdir(folder, { recursive: true }));
    await writeWhole(`${folder}/predictions.jsonl`, linesOf(lines));
    await writeWhole(
      `${folder}/timings.jsonl`,
      linesOf(sortEntries(timings.values(), samples).map(({ text }) => text)),
    );
  }
  // Last, because a folder with a manifest is a run.
  await writeManifest(out, {
    ...manifest,
    grid: { ...manifest.grid, scorer } as { [name: string]: Json },
    cells: cells.map(({ cell }) => cell),
    expected: manifest.expected.map(({ cells, samples }) => ({ cells: cells.map((id) => renamed.get(id)!), samples })),
  });
  return { cells: cells.length, answers, changed };
}

/** A line with its scores as they are now; the same text where they are what they were, or where there is no answer. */
function rescoreLine(text: string, prediction: Prediction, scorer: ScoreMode): string {
  if (prediction.scores === null) return text;
  const scores = scoreAnswer(prediction.answer, prediction.scoring, scorer);
  return JSON.stringify(scores) === JSON.stringify(prediction.scores)
    ? text
    : JSON.stringify({ ...prediction, scores });
}

async function manifestOf(path: string): Promise<Manifest> {
  const manifest = await readManifest(path);
  if (manifest !== null) return manifest;
  throw new RunError(`Cannot read the run ${path}: expected a run folder with manifest.json, found none there`);
}

async function predictionFiles(folder: string): Promise<string[]> {
  const files = await reading(folder, () => Array.fromAsync(Deno.readDir(folder)), []);
  return files.map(({ name }) => name).filter((name) => /^predictions(\.\d+-of-\d+)?\.jsonl$/.test(name)).toSorted();
}

function linesOf(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
