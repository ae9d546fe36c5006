/** Going on in a folder: the same run, another one, a larger one. */
import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import { readManifest, readRun } from "../../lib/sweep/folder/folder.ts";
import type { Grid } from "../../lib/sweep/grid/grid.ts";
import type { Manifest } from "../../lib/sweep/folder/manifest.ts";
import { differences, resume } from "../../lib/sweep/folder/resume.ts";
import { expandToy, GRID, runToy, toyManifest, ToyRunner, withFolder } from "../support/study.ts";

const NO = { extend: false, forceNew: false }, EXTEND = { ...NO, extend: true }, NEW = { ...NO, forceNew: true };

const manifestOf = async (grid: Partial<Grid> = {}, rocketkv?: string): Promise<Manifest> => {
  const whole = { ...GRID, ...grid };
  return toyManifest(whole, await expandToy(whole), rocketkv);
};

const refused = (path: string, wanted: Manifest, options: typeof NO, message: string) =>
  assert.rejects(resume(path, wanted, options, true), new RunError(`Cannot go on in ${path}: ${message}`));

Deno.test("the same run goes on with the manifest that is there", () =>
  withFolder(async (path) => {
    const first = await manifestOf();
    assert.deepEqual(await resume(path, first, NO, true), first);
    const later = { ...first, createdAt: "2027-01-01T00:00:00Z", machine: { host: "there" } };
    assert.deepEqual(await resume(path, later, NO, false), first);
    assert.deepEqual(await readManifest(path), first);
  }));

Deno.test("a changed configuration is refused with the fields that differ", () =>
  withFolder(async (path) => {
    await resume(path, await manifestOf(), NO, true);
    const advice = "--extend adds to it, --force-new sets it aside";
    await refused(
      path,
      await manifestOf({ samples: 5 }),
      NO,
      `it has another configuration: grid.samples: wanted 5, found 3: ${advice}`,
    );
    await assert.rejects(resume(path, await manifestOf({ budgets: ["64"] }), NO, true), (error: Error) => {
      assert.match(error.message, /configuration: grid\.budgets: wanted \["64"\], found \["64","128"\]: --extend/);
      return true;
    });
    await refused(
      path,
      await manifestOf({}, "1.0.1"),
      NO,
      `it has another configuration: rocketkv: wanted "1.0.1", found "1.0.0": ${advice}`,
    );
    const other = await manifestOf();
    const changed = other.cells.map(({ id, config }) => ({ id, config: { ...config, modelId: "ffff" } }));
    await refused(
      path,
      { ...other, cells: changed },
      NO,
      `it has another configuration: modelIds.toy: wanted "ffff", found "0123456789abcdef": ${advice}`,
    );
  }));

Deno.test("extending adds samples and cells, and what was finished stays finished", () =>
  withFolder(async (path) => {
    const first = new ToyRunner();
    await runToy(path, first);
    const wanted = await manifestOf({ samples: 4, budgets: ["256"] });
    const united = await resume(path, wanted, EXTEND, true);
    assert.equal(united.cells.length, 4);
    const byBudget = new Map(united.cells.map(({ id, config }) => [`${config.method} ${config.budget}`, id]));
    const samples = (arm: string) => united.expected.find(({ cells }) => cells.includes(byBudget.get(arm)!))!.samples;
    assert.equal(samples("full null").length, 8);
    assert.equal(samples("streaming 256").length, 8);
    assert.equal(samples("streaming 64").length, 6, "nobody asked for more of them");
    assert.deepEqual(await readManifest(path), united);
    assert.equal((await readRun(path)).cells.flatMap(({ predictions }) => predictions).length, 3 * 6 * 2);
    assert.deepEqual(await resume(path, wanted, EXTEND, true), united, "asking twice changes nothing");
  }));

Deno.test("extending refuses another way of scoring, other files under a name, another version", () =>
  withFolder(async (path) => {
    await resume(path, await manifestOf(), NO, true);
    const advice = "--force-new sets it aside";
    await refused(
      path,
      await manifestOf({ scorer: "official", truncate: "left" }),
      EXTEND,
      'it has another configuration: grid.scorer: wanted "official", found "auto"; grid.truncate: wanted "left", ' +
        `found "refuse": ${advice}`,
    );
    const other = await manifestOf({ samples: 9 });
    const cells = other.cells.map(({ id, config }) => ({ id, config: { ...config, dataId: "new" } }));
    await assert.rejects(
      resume(path, { ...other, cells }, EXTEND, true),
      /dataIds\.niah .*: wanted "new", found "niah-/,
    );
    await assert.rejects(resume(path, await manifestOf({}, "2.0.0"), EXTEND, true), /rocketkv: wanted "2.0.0"/);
  }));

Deno.test("starting anew sets aside what was there, and deletes nothing", () =>
  withFolder(async (path) => {
    await runToy(path, new ToyRunner());
    const before = await readRun(path);
    const wanted = await manifestOf({ samples: 1 });
    await assert.rejects(resume(path, wanted, NEW, false), /expected nobody at work there/);
    await resume(path, wanted, NEW, true);
    await resume(path, wanted, NEW, true);
    assert.deepEqual(await readManifest(path), wanted);
    assert.deepEqual({ ...await readRun(`${path}/old-1`), path }, before);
    assert.deepEqual(await readManifest(`${path}/old-2`), wanted);
    assert.equal((await readRun(path)).cells[0]!.predictions.length, 0);
  }));

Deno.test("differences() names fields by their path, and what only one side has", () => {
  assert.deepEqual(differences({ a: { b: 1, c: [1] }, d: "x" }, { a: { b: 2, c: [1] }, e: null }), [
    "a.b: wanted 1, found 2",
    'd: wanted "x", found none',
    "e: wanted none, found null",
  ]);
  assert.deepEqual(differences({ a: 1, b: 2 }, { b: 2, a: 1 }), []);
});

Deno.test("a folder that is no run is refused by name", () =>
  withFolder(async (path) => {
    Deno.mkdirSync(path);
    await assert.rejects(
      readRun(path),
      new RunError(`Cannot read the run ${path}: expected a run folder with manifest.json, found none there`),
    );
    Deno.writeTextFileSync(`${path}/manifest.json`, "{}");
    await assert.rejects(
      readRun(path),
      new RunError(`Cannot read ${path}/manifest.json: expected version 1 of a run's manifest, found another file`),
    );
    Deno.writeTextFileSync(`${path}/manifest.json`, "{");
    await assert.rejects(readRun(path), /manifest\.json: expected JSON: /);
  }));
