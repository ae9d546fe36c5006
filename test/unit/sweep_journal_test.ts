/** What is written down survives a process that dies at any byte, and is written once. */
import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import { appendLines, repairLines } from "../../lib/sweep/folder/files.ts";
import { cellFolder, manifestOf, readRun, writeManifest } from "../../lib/sweep/folder/folder.ts";
import { Journal } from "../../lib/sweep/folder/journal.ts";
import { mergeRun } from "../../lib/sweep/folder/merge.ts";
import { WHOLE } from "../../lib/sweep/folder/shard.ts";
import {
  expandToy,
  GRID,
  predictionFiles,
  runToy,
  toyManifest,
  toyPrediction,
  ToyRunner,
  toyTiming,
  withFolder,
} from "../support/study.ts";

/** A run folder with its cells, and the first of them. */
async function emptyRun(path: string) {
  const expansion = await expandToy();
  await writeManifest(path, toyManifest(GRID, expansion));
  const { id } = expansion.cells[0]!;
  return { cells: expansion.cells, id, folder: cellFolder(path, id) };
}

const bytesOf = (folder: string) => Deno.readFileSync(`${folder}/predictions.1-of-1.jsonl`);

const answers = (cell: string, sample: string, turns: number, error?: string) =>
  Array.from({ length: turns }, (_, turn) => ({
    cell,
    prediction: toyPrediction(cell, sample, turn, error === undefined ? {} : { error, scores: null, finish: "error" }),
    timing: toyTiming(sample, turn),
  }));

Deno.test("a file that was cut off at any byte of its last sample is whole again after the next run", () =>
  withFolder(async (path) => {
    const { cells, id, folder } = await emptyRun(path);
    const journal = await Journal.open(path, cells, WHOLE);
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 2) });
    const times = Deno.readTextFileSync(`${folder}/timings.1-of-1.jsonl`), before = bytesOf(folder).length;
    await journal.add({ sample: "0/90", answers: answers(id, "0/90", 2) });
    const wanted = bytesOf(folder);
    const last = wanted.lastIndexOf(10, wanted.length - 2) + 1; // of its two turns, this one at every byte
    for (let bytes = before; bytes <= wanted.length; bytes += bytes < last - 40 ? 40 : 1) {
      Deno.writeFileSync(`${folder}/predictions.1-of-1.jsonl`, wanted.subarray(0, bytes));
      Deno.writeTextFileSync(`${folder}/timings.1-of-1.jsonl`, times); // they are written behind the predictions
      const next = await Journal.open(path, cells.slice(0, 1), WHOLE);
      assert(next.isFinished(id, "0/10") && !next.isFinished(id, "0/90"), `${bytes} bytes`);
      await next.add({ sample: "0/90", answers: answers(id, "0/90", 2) });
      assert.deepEqual(bytesOf(folder), wanted, `${bytes} bytes`);
    }
  }));

Deno.test("a sample whose times were cut off at any byte runs again, and nothing else does", () =>
  withFolder(async (path) => {
    await runToy(path, new ToyRunner());
    const [name] = Object.keys(predictionFiles(path, /timings\.1-of-1/)) as [string];
    const file = `${path}/cells/${name}`, bytes = Deno.readFileSync(file);
    for (const cut of [1, 2, 100, 300]) {
      Deno.writeFileSync(file, bytes.subarray(0, bytes.length - cut));
      const again = new ToyRunner();
      await runToy(path, again);
      assert.deepEqual(again.ran, [`${name.split("/")[0]} 2/90`], `${cut} bytes cut away`);
    }
  }));

Deno.test("a torn last line is cut away, and a line that ends stays", async () => {
  const file = Deno.makeTempFileSync();
  try {
    for (const [text, kept] of [["", ""], ["{}", ""], ["{}\n", "{}\n"], ["{}\n{", "{}\n"], ["{}\n\0\0\0", "{}\n"]]) {
      Deno.writeTextFileSync(file, text!);
      await repairLines(file);
      assert.equal(Deno.readTextFileSync(file), kept);
    }
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("adding a sample twice writes it once", () =>
  withFolder(async (path) => {
    const { cells, id, folder } = await emptyRun(path);
    const journal = await Journal.open(path, cells, WHOLE);
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 2) });
    const text = Deno.readTextFileSync(`${folder}/predictions.1-of-1.jsonl`);
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 2) });
    const another = await Journal.open(path, cells, { index: 1, count: 2 });
    assert(another.isFinished(id, "0/10"));
    await another.add({ sample: "0/10", answers: answers(id, "0/10", 2) });
    assert.equal(Deno.readTextFileSync(`${folder}/predictions.1-of-1.jsonl`), text);
    assert.throws(() => Deno.statSync(`${folder}/predictions.1-of-2.jsonl`), Deno.errors.NotFound);
  }));

Deno.test("samples that are done at the same time are written one behind the other", () =>
  withFolder(async (path) => {
    const { cells, id } = await emptyRun(path);
    const journal = await Journal.open(path, cells, WHOLE);
    const keys = Array.from({ length: 20 }, (_, i) => `${i}/10`);
    await Promise.all(keys.map((sample) => journal.add({ sample, answers: answers(id, sample, 2) })));
    const [cell] = (await readRun(path)).cells;
    assert.equal(cell!.predictions.length, 40);
    assert(keys.every((sample) => journal.isFinished(id, sample)));
  }));

Deno.test("an answer takes the place of an error, and only then", () =>
  withFolder(async (path) => {
    const { cells, id } = await emptyRun(path);
    const journal = await Journal.open(path, cells, WHOLE);
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 1, "out of memory: b") });
    assert(!journal.isFinished(id, "0/10"));
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 1, "out of memory: a") });
    let [cell] = (await readRun(path)).cells;
    assert.deepEqual(cell!.predictions.map(({ error }) => error), ["out of memory: b"]);

    const later = await Journal.open(path, cells, { index: 1, count: 2 });
    assert(!later.isFinished(id, "0/10"));
    await later.add({ sample: "0/10", answers: answers(id, "0/10", 1) });
    assert(later.isFinished(id, "0/10"));
    [cell] = (await readRun(path)).cells;
    assert.deepEqual(cell!.predictions, [toyPrediction(id, "0/10")]);
  }));

Deno.test("predictions of one sample that differ are refused by name, in reading and in merging", () =>
  withFolder(async (path) => {
    const { cells, id, folder } = await emptyRun(path);
    const journal = await Journal.open(path, cells, WHOLE);
    await journal.add({ sample: "0/10", answers: answers(id, "0/10", 1) });
    const other = JSON.stringify(toyPrediction(id, "0/10", 0, { answer: "another" }));
    Deno.writeTextFileSync(`${folder}/predictions.2-of-3.jsonl`, other + "\n");
    const wanted = new RunError(
      "Cannot use two different predictions of sample 0/10, turn 0: expected the same line in " +
        `${folder}/predictions.1-of-1.jsonl and ${folder}/predictions.2-of-3.jsonl: ` +
        "move the file away that is not to be trusted",
    );
    await assert.rejects(readRun(path), wanted);
    await assert.rejects(async () => mergeRun(path, await manifestOf(path)), wanted);
  }));

Deno.test("a line in the middle that is no JSON is refused with file and line", () =>
  withFolder(async (path) => {
    const { folder } = await emptyRun(path);
    Deno.writeTextFileSync(`${folder}/predictions.1-of-1.jsonl`, "{}\nno\n");
    await assert.rejects(readRun(path), (error: Error) => {
      assert(error instanceof RunError);
      assert.match(error.message, /^Cannot read .*predictions\.1-of-1\.jsonl, line 2: expected JSON: /);
      return true;
    });
  }));

Deno.test("a full disk is one line, and the lines before stay whole", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.symlinkSync("/dev/full", `${folder}/lines.jsonl`);
    await assert.rejects(appendLines(`${folder}/lines.jsonl`, ["{}"]), (error: Error) => {
      assert(error instanceof RunError);
      assert.match(error.message, /^Cannot write .*lines\.jsonl: No space left on device \(os error 28\)$/);
      return true;
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
