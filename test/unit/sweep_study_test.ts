/** The loop that runs what is left: once each, on through failures, to the end of a sample when it is asked to stop. */
import assert from "node:assert/strict";
import { RunError, UsageError } from "../../lib/error.ts";
import { readFailures, readRun } from "../../lib/sweep/folder/folder.ts";
import { statusOf } from "../../lib/sweep/folder/status.ts";
import { expandToy, GRID, runToy, ToyRunner, withFolder } from "../support/study.ts";

Deno.test("finished work is never repeated, and what is new runs with just the arms that lack it", () =>
  withFolder(async (path) => {
    const first = new ToyRunner();
    const outcome = await runToy(path, first);
    assert.deepEqual(outcome, { samples: 6, failures: 0, firstFailure: null, stopped: false });
    assert.equal(first.ran.length, 3 * 6);

    const second = new ToyRunner();
    assert.equal((await runToy(path, second)).samples, 0);
    assert.deepEqual(second.ran, []);

    // One more sample, and one more arm on all of them.
    const third = new ToyRunner(), grid = { ...GRID, samples: 4, budgets: [...GRID.budgets, "256"] };
    await runToy(path, third, { grid });
    assert.equal(third.ran.length, 6 + 4 * 2, "the new arm on six samples, all four arms on two");
    assert.equal(new Set([...first.ran, ...third.ran]).size, first.ran.length + third.ran.length);
  }));

Deno.test("a model is not even loaded when nothing is left for it", () =>
  withFolder(async (path) => {
    await runToy(path, new ToyRunner());
    const openRunner = () => Promise.reject(new Error("loaded"));
    assert.equal((await runToy(path, new ToyRunner(), { openRunner })).samples, 0);
  }));

Deno.test("one model is loaded at a time, and freed before the next", () =>
  withFolder(async (path) => {
    let open = 0;
    const events: string[] = [];
    const openRunner: NonNullable<Parameters<typeof runToy>[2]>["openRunner"] = ({ name }) => {
      assert.equal(open++, 0);
      events.push(name);
      const runner = new ToyRunner();
      return Promise.resolve({ run: (unit) => runner.run(unit), [Symbol.dispose]: () => void open-- });
    };
    await runToy(path, new ToyRunner(), { grid: { ...GRID, models: ["a", "b", "a"] }, openRunner });
    assert.deepEqual(events, ["a", "b"]);
    assert.equal(open, 0);
  }));

Deno.test("asked to stop, the sample in work is finished and written, and no other begun", () =>
  withFolder(async (path) => {
    const controller = new AbortController();
    const runner = new ToyRunner((sample) => sample === "1/10" && controller.abort());
    const outcome = await runToy(path, runner, { stop: controller.signal });
    assert.deepEqual(outcome, { samples: 3, failures: 0, firstFailure: null, stopped: true });
    assert.equal(runner.open, 0, "the runner was told to clean up");
    const { cells } = await readRun(path);
    for (const { predictions } of cells) {
      assert.deepEqual([...new Set(predictions.map(({ sample }) => sample))], ["0/10", "0/90", "1/10"]);
    }
    const rest = new ToyRunner();
    assert.equal((await runToy(path, rest)).samples, 3);
    assert.equal(rest.ran.length, 3 * 3);
  }));

Deno.test("asked to stop at the last sample, nothing is left and the study is done", () =>
  withFolder(async (path) => {
    const controller = new AbortController();
    const runner = new ToyRunner((sample) => sample === "2/90" && controller.abort());
    assert.equal((await runToy(path, runner, { stop: controller.signal })).stopped, false);
  }));

Deno.test("a group that fails is recorded, others go on, and the next run tries it again", () =>
  withFolder(async (path) => {
    const runner = new ToyRunner((sample) => {
      if (sample === "1/90") throw new RunError("Cannot make it");
    });
    const outcome = await runToy(path, runner);
    assert.deepEqual(outcome, { samples: 5, failures: 3, firstFailure: "Cannot make it", stopped: false });
    const expansion = await expandToy();
    const [failure, ...others] = await readFailures(path);
    assert.deepEqual(others, []);
    assert.deepEqual(failure!.samples, ["1/90"]);
    assert.deepEqual(failure!.cells, expansion.cells.map(({ id }) => id));
    assert.equal(failure!.error, "Cannot make it");
    const status = await statusOf(path, (await readRun(path)).manifest);
    assert.deepEqual([status.done, status.failed, status.missing], [15, 3, 0]);
    assert.equal(status.lastFailure, "Cannot make it");

    const again = new ToyRunner();
    await runToy(path, again);
    assert.deepEqual(again.ran.map((one) => one.split(" ")[1]), ["1/90", "1/90", "1/90"]);
    const later = await statusOf(path, (await readRun(path)).manifest);
    assert.deepEqual([later.done, later.failed, later.missing, later.lastFailure], [18, 0, 0, null]);
  }));

Deno.test("numbers that one arm cannot use fail for that arm alone", () =>
  withFolder(async (path) => {
    const { cells } = await expandToy();
    const bad = cells[1]!.id;
    const runner = new ToyRunner((_, arms) => {
      if (arms.includes(bad)) throw new UsageError("Cannot plan");
    });
    const outcome = await runToy(path, runner);
    assert.equal(outcome.failures, 6);
    assert.equal(outcome.firstFailure, "Cannot plan");
    const run = await readRun(path);
    assert.deepEqual(run.cells.map(({ predictions }) => predictions.length), [12, 0, 12]);
    assert((await readFailures(path)).every(({ cells }) => cells.join() === bad));
  }));

Deno.test("with failFast nothing is begun behind the first failure", () =>
  withFolder(async (path) => {
    const runner = new ToyRunner((sample) => {
      if (sample === "0/90") throw new RunError("Cannot make it");
    });
    const outcome = await runToy(path, runner, { failFast: true });
    assert.equal(outcome.samples, 1);
    assert.equal(runner.ran.length, 3);
  }));

Deno.test("defects are not failures of samples", () =>
  withFolder(async (path) => {
    const runner = new ToyRunner(() => {
      throw new TypeError("x is undefined");
    });
    await assert.rejects(runToy(path, runner), new TypeError("x is undefined"));
    assert.deepEqual(await readFailures(path), []);
  }));

Deno.test("a full disk ends the study at once instead of counting as a failed sample", () =>
  withFolder(async (path) => {
    const { cells } = await expandToy();
    const file = `${path}/cells/${cells[1]!.id}/predictions.1-of-1.jsonl`;
    const runner = new ToyRunner((sample) => sample === "0/10" && Deno.symlinkSync("/dev/full", file));
    await assert.rejects(runToy(path, runner), (error: Error) => {
      assert(error instanceof RunError);
      assert.match(error.message, /^Cannot write .*: No space left on device \(os error 28\)$/);
      return true;
    });
    assert.deepEqual(await readFailures(path), []);
    assert.equal(runner.open, 0, "the runner was told to clean up");
    Deno.removeSync(file);
    const rest = new ToyRunner();
    await runToy(path, rest);
    assert.equal(rest.ran.length, 3 * 6 - 1, "the arm in front of the full file has its sample");
  }));

Deno.test("progress ends where it is complete, counted in tokens", () =>
  withFolder(async (path) => {
    const seen: number[] = [];
    await runToy(path, new ToyRunner(), { onProgress: (done, total) => void seen.push(done / total) });
    assert.equal(seen.at(-1), 1);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  }));
