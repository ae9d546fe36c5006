/** Shards deal out the work, locks keep them apart, and merging forgets that there were any. */
import assert from "node:assert/strict";
import { RunError, UsageError } from "../../lib/error.ts";
import { manifestOf } from "../../lib/sweep/folder/folder.ts";
import { type Holder, lockShard, runningShards } from "../../lib/sweep/folder/lock.ts";
import { mergeRun } from "../../lib/sweep/folder/merge.ts";
import { parseShard, takes } from "../../lib/sweep/folder/shard.ts";
import { GRID, predictionFiles, runToy, ToyRunner, withFolder } from "../support/study.ts";

const HOLDER: Holder = { pid: 7, host: "here", since: "2026-01-01T00:00:00.000Z" };
const nothing = () => Promise.resolve();
const many = { ...GRID, samples: 12 };

Deno.test("parseShard() reads i/n with i from 1", () => {
  assert.deepEqual(parseShard("2/7"), { index: 2, count: 7 });
  for (const text of ["0/7", "8/7", "7", "1/0", "a/b", "1/2/3", "-1/2", "1.5/2"]) {
    assert.throws(
      () => parseShard(text),
      new UsageError(`Cannot use --shard "${text}": it must be i/n with 1 <= i <= n, such as 2/7`),
    );
  }
});

Deno.test("every group belongs to exactly one shard, and all shards have some", () => {
  const groups = Array.from({ length: 200 }, (_, i) => `niah {} 4096 0 ${i}`);
  for (const count of [1, 2, 7]) {
    const taken = Array.from(
      { length: count },
      (_, i) => groups.filter((group) => takes({ index: i + 1, count }, group)),
    );
    assert.deepEqual(taken.flat().toSorted(), groups.toSorted());
    assert(taken.every(({ length }) => length > 200 / count / 3), taken.map(({ length }) => length).join());
  }
});

Deno.test("merged predictions are the same bytes for one shard, seven, and both one after the other", () =>
  withFolder(async (path) => {
    const found: Record<string, string>[] = [];
    for (const counts of [[1], [7], [3, 7, 1]]) {
      const run = `${path}-${counts.join("-")}`, runner = new ToyRunner();
      for (const count of counts) {
        for (let index = 1; index <= count; index++) {
          await runToy(run, runner, { grid: many, shard: { index, count } });
          if (count === 3 && index === 2) break; // the third shard never ran
        }
      }
      assert.equal(new Set(runner.ran).size, 3 * 24, "cells by samples");
      assert.equal(runner.ran.length, 3 * 24, "nothing ran twice");
      assert.deepEqual(await mergeRun(run, await manifestOf(run)), { cells: 3, predictions: 3 * 24 * 2, missing: 0 });
      found.push(predictionFiles(run));
    }
    assert.equal(Object.keys(found[0]!).length, 3);
    assert.deepEqual(found[1], found[0]);
    assert.deepEqual(found[2], found[0]);
  }));

Deno.test("merging again, and what a later shard adds, changes nothing of what was there", () =>
  withFolder(async (path) => {
    await runToy(path, new ToyRunner(), { grid: many, shard: { index: 1, count: 2 } });
    const half = await mergeRun(path, await manifestOf(path));
    assert(half.missing > 0 && half.predictions > 0);
    const before = predictionFiles(path);
    await mergeRun(path, await manifestOf(path));
    assert.deepEqual(predictionFiles(path), before);
    await runToy(path, new ToyRunner(), { grid: many, shard: { index: 2, count: 2 } });
    await mergeRun(path, await manifestOf(path));
    const lines = (files: Record<string, string>) => Object.values(files).flatMap((text) => text.split("\n"));
    const all = new Set(lines(predictionFiles(path)));
    assert(lines(before).every((line) => all.has(line)));
  }));

Deno.test("a shard is taken by one process at a time; others of the same number go beside it", () =>
  withFolder(async (path) => {
    const [lock] = await lockShard(path, { index: 1, count: 2 }, HOLDER, nothing);
    const refused = (index: number, count: number, message: string) =>
      assert.rejects(lockShard(path, { index, count }, HOLDER, nothing), new RunError(message));
    const who = `process 7 on here since ${HOLDER.since} works on shard 1/2`;
    await refused(1, 2, `Cannot run in ${path}: expected nobody at work on shard 1/2: ${who}`);
    await refused(1, 1, `Cannot run in ${path}: expected shards of one number at a time, wanted 1/1: ${who}`);
    const [other, others] = await lockShard(path, { index: 2, count: 2 }, HOLDER, (others) => Promise.resolve(others));
    assert.deepEqual(others, [{ shard: { index: 1, count: 2 }, holder: HOLDER }]);
    assert.equal((await runningShards(path)).length, 2);
    lock[Symbol.dispose]();
    other[Symbol.dispose]();
    assert.deepEqual(await runningShards(path), []);
    (await lockShard(path, { index: 1, count: 1 }, HOLDER, nothing))[0][Symbol.dispose]();
  }));

Deno.test("a lock that could not prepare is free again", () =>
  withFolder(async (path) => {
    const fails = () => Promise.reject(new RunError("no"));
    await assert.rejects(lockShard(path, { index: 1, count: 1 }, HOLDER, fails), new RunError("no"));
    assert.deepEqual(await runningShards(path), []);
  }));

Deno.test("a process that is killed leaves no lock", () =>
  withFolder(async (path) => {
    const script = `
      import { lockShard } from ${JSON.stringify(new URL("../../lib/sweep/folder/lock.ts", import.meta.url).href)};
      await lockShard(${JSON.stringify(path)}, { index: 1, count: 1 }, ${JSON.stringify(HOLDER)}, async () => {});
      console.log("locked");
      setInterval(() => {}, 1000);`;
    const args = ["eval", "--no-lock", script];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stdin: "null" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    assert.deepEqual(await runningShards(path), [{ shard: { index: 1, count: 1 }, holder: HOLDER }]);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assert.deepEqual(await runningShards(path), []);
  }));
