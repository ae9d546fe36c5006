/** What all shards have written for one cell, each answer once. */
import { RunError } from "../../error.ts";
import { parseLine, reading, readLines } from "./files.ts";
import type { Prediction, Timing } from "./prediction.ts";

/** A line as it stands in its file, and what it says. */
export interface Entry<T> {
  readonly text: string;
  readonly value: T;
}

/** By sample and turn: see `keyOf`. */
export interface CellEntries {
  readonly predictions: ReadonlyMap<string, Entry<Prediction>>;
  readonly timings: ReadonlyMap<string, Entry<Timing>>;
}

export function keyOf({ sample, turn }: { readonly sample: string; readonly turn: number }): string {
  return `${sample}#${turn}`;
}

/**
 * Everything in a cell's folder: merged files and those of shards of any number.
 *
 * @param folder  `cells/<id>` of a run folder; one that is missing is empty.
 * @throws {RunError} for two predictions of the same sample and turn that differ; the message names their files.
 */
export async function readEntries(folder: string): Promise<CellEntries> {
  const names = await reading(folder, async () => (await Array.fromAsync(Deno.readDir(folder))).map((f) => f.name), []);
  const predictions = new Map<string, Entry<Prediction> & { path: string }>();
  const timings = new Map<string, Entry<Timing>>();
  for (const name of names.toSorted()) {
    const [, kind] = /^(predictions|timings)(?:\.\d+-of-\d+)?\.jsonl$/.exec(name) ?? [];
    const path = `${folder}/${name}`;
    if (kind === "predictions") {
      for await (const entry of entriesOf<Prediction>(path)) keepPrediction(predictions, { ...entry, path });
    } else if (kind === "timings") {
      for await (const entry of entriesOf<Timing>(path)) {
        const key = keyOf(entry.value);
        if (!timings.has(key)) timings.set(key, entry); // a clock is not a contradiction
      }
    }
  }
  return { predictions, timings };
}

/**
 * Samples that are there to their last turn. Of every sample the timings are written last, so a sample whose turns all have
 * one is whole. Samples with an error are not: a larger machine may answer them.
 */
export function finishedSamples({ predictions, timings }: CellEntries): Set<string> {
  const turns = Map.groupBy(predictions.values(), ({ value }) => value.sample);
  const whole = [...turns].filter(([, entries]) =>
    entries.every(({ value }) => timings.has(keyOf(value)) && value.error === undefined)
  );
  return new Set(whole.map(([sample]) => sample));
}

/** Entries in the order of their samples and turns; samples that nobody asked for come last. */
export function sortEntries<T extends { readonly sample: string; readonly turn: number }>(
  entries: Iterable<Entry<T>>,
  samples: readonly string[],
): Entry<T>[] {
  const places = new Map(samples.map((sample, i) => [sample, i]));
  const place = ({ value }: Entry<T>) => places.get(value.sample) ?? places.size;
  const text = ({ value }: Entry<T>) => value.sample;
  return [...entries].sort((a, b) =>
    place(a) - place(b) || (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : a.value.turn - b.value.turn)
  );
}

async function* entriesOf<T>(path: string): AsyncGenerator<Entry<T>> {
  const { texts } = await readLines(path);
  for (const [i, text] of texts.entries()) yield { text, value: parseLine<T>(path, i + 1, text) };
}

/** An answer takes the place of an error; of two errors the first in the alphabet stays, whoever wrote it. */
function keepPrediction(
  kept: Map<string, Entry<Prediction> & { path: string }>,
  found: Entry<Prediction> & { path: string },
): void {
  const key = keyOf(found.value), before = kept.get(key);
  const failed = found.value.error !== undefined, failedBefore = before?.value.error !== undefined;
  if (before === undefined || (failedBefore && (!failed || found.text < before.text))) kept.set(key, found);
  else if (!failed && !failedBefore && found.text !== before.text) {
    const { sample, turn } = found.value;
    throw new RunError(
      `Cannot use two different predictions of sample ${sample}, turn ${turn}: ` +
        `expected the same line in ${before.path} and ${found.path}: move the file away that is not to be trusted`,
    );
  }
}
