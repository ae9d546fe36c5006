/** What a process writes down while it runs: answers, then their times, on the disk before the next sample begins. */
import type { Cell } from "../grid/cell.ts";
import { appendLines, repairLines } from "./files.ts";
import { cellFolder, type Failure } from "./folder.ts";
import { finishedSamples, keyOf, readEntries } from "./results.ts";
import { type Shard, shardName } from "./shard.ts";
import type { SampleResult } from "../run/unit.ts";

interface Known {
  readonly predictions: Set<string>;
  /** Those with an error, which an answer may follow. */
  readonly failed: Set<string>;
  readonly timings: Set<string>;
  readonly finished: Set<string>;
}

export class Journal {
  readonly #cells = new Map<string, Known>();
  /** What is being written: samples that are done at the same time go one behind the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(readonly path: string, readonly shard: Shard) {}

  /**
   * Read what all shards have written, and repair what this one left torn. The caller holds the shard's lock.
   *
   * @throws {RunError} for a damaged folder, or one that cannot be written.
   */
  static async open(path: string, cells: readonly Cell[], shard: Shard): Promise<Journal> {
    const journal = new Journal(path, shard);
    await repairLines(journal.#failures);
    for (const { id } of cells) {
      await repairLines(journal.#file(id, "predictions"));
      await repairLines(journal.#file(id, "timings"));
      const entries = await readEntries(cellFolder(path, id));
      const failed = entries.predictions.values().filter(({ value }) => value.error !== undefined);
      journal.#cells.set(id, {
        predictions: new Set(entries.predictions.keys()),
        failed: new Set(failed.map(({ value }) => keyOf(value))),
        timings: new Set(entries.timings.keys()),
        finished: finishedSamples(entries),
      });
    }
    return journal;
  }

  /** Whether a sample has all its answers, none of them an error. */
  isFinished(cell: string, sample: string): boolean {
    return this.#cells.get(cell)!.finished.has(sample);
  }

  /**
   * Write down one sample with all arms. What is there already is not written again: a process may have been killed between
   * two arms.
   *
   * @throws {RunError} for a full disk; what was written before stays whole.
   */
  async add(result: SampleResult): Promise<void> {
    await this.#inTurn(() => this.#add(result));
  }

  async addFailure(failure: Failure): Promise<void> {
    await this.#inTurn(() => appendLines(this.#failures, [JSON.stringify(failure)]));
  }

  async #inTurn(body: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(body);
    this.#writing = written.catch(() => {}); // whoever waits for it hears of it
    await written;
  }

  async #add({ sample, answers }: SampleResult): Promise<void> {
    for (const [cell, found] of Map.groupBy(answers, ({ cell }) => cell)) {
      const known = this.#cells.get(cell)!;
      const predictions = found.map(({ prediction }) => prediction).filter((prediction) => {
        const key = keyOf(prediction);
        return !known.predictions.has(key) || (known.failed.has(key) && prediction.error === undefined);
      });
      const timings = found.map(({ timing }) => timing).filter((timing) => !known.timings.has(keyOf(timing)));
      await appendLines(this.#file(cell, "predictions"), predictions.map((one) => JSON.stringify(one)));
      await appendLines(this.#file(cell, "timings"), timings.map((one) => JSON.stringify(one)));
      for (const prediction of predictions) {
        known.predictions.add(keyOf(prediction));
        if (prediction.error === undefined) known.failed.delete(keyOf(prediction));
        else known.failed.add(keyOf(prediction));
      }
      for (const timing of timings) known.timings.add(keyOf(timing));
      if (found.every(({ prediction }) => prediction.error === undefined)) known.finished.add(sample);
    }
  }

  get #failures(): string {
    return `${this.path}/failures.${shardName(this.shard)}.jsonl`;
  }

  #file(cell: string, kind: "predictions" | "timings"): string {
    return `${cellFolder(this.path, cell)}/${kind}.${shardName(this.shard)}.jsonl`;
  }
}
