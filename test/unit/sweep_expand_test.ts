/** From a grid to cells: each one once, the full cache everywhere, and rules that leave some out. */
import assert from "node:assert/strict";
import { UsageError } from "../../lib/error.ts";
import { type CellConfig, cellOf } from "../../lib/sweep/grid/cell.ts";
import { expand } from "../../lib/sweep/grid/expand.ts";
import type { Grid } from "../../lib/sweep/grid/grid.ts";
import { expandToy, GRID, MODEL } from "../support/study.ts";

const arms = async (grid: Partial<Grid>) => {
  const { cells } = await expandToy({ ...GRID, ...grid });
  return cells.map(({ config }) => `${config.method} ${config.budget}`);
};
const method = (name: string, set: Record<string, number> = {}) => ({ name, set, files: {} });

Deno.test("every method has a cell for every budget, and the full cache one", async () => {
  assert.deepEqual(await arms({}), ["full null", "streaming 64", "streaming 128"]);
  const methods = ["full", "streaming", "streaming"].map((name) => method(name));
  assert.deepEqual(
    await arms({ methods, budgets: ["64", "4x", "64"] }),
    ["full null", "streaming 64", "streaming 4x"],
  );
  const settings = [method("streaming"), method("streaming", { sinks: 1 })];
  assert.deepEqual(await arms({ methods: settings, budgets: ["64"] }), ["full null", "streaming 64", "streaming 64"]);
});

Deno.test("a full cache with settings of its own is the one that others are compared with", async () => {
  const { cells } = await expandToy({ ...GRID, methods: [method("full", { decode_tail: 1 }), method("streaming")] });
  const full = cells.filter(({ config }) => config.method === "full");
  assert.deepEqual(full.map(({ config }) => config.set), [{ decode_tail: 1 }]);
});

Deno.test("rules keep and leave out cells by any axis, but the full cache stays where others are", async () => {
  const budgets = ["64", "128", "256"];
  const grid = { methods: [method("streaming"), method("snapkv")], budgets };
  assert.deepEqual(
    await arms({ ...grid, exclude: [{ method: ["snapkv"], budget: ["64", "256"] }, { method: ["full"] }] }),
    ["full null", "streaming 64", "streaming 128", "streaming 256", "snapkv 128"],
  );
  assert.deepEqual(await arms({ ...grid, include: [{ budget: ["256"] }] }), [
    "full null",
    "streaming 256",
    "snapkv 256",
  ]);
  const tasks = ["niah", "ruler/vt", "ruler/cwe"].map((name) => ({ name, options: {} }));
  const { cells } = await expandToy({ ...GRID, tasks, lengths: ["1500"], exclude: [{ task: ["r*/v*"] }] });
  assert.deepEqual([...new Set(cells.map(({ config }) => config.task.name))], ["niah", "ruler/cwe"]);
  const all = await expandToy({ ...GRID, tasks, lengths: ["1500"], exclude: [{ task: ["ruler"] }] });
  assert.deepEqual([...new Set(all.cells.map(({ config }) => config.task.name))], ["niah"]);
});

Deno.test("axes multiply, and arms of one prompt are one unit", async () => {
  const { cells, expected, units } = await expandToy({
    ...GRID,
    lengths: ["700", "800"],
    seeds: [0, 1],
    moments: ["query-aware", "query-agnostic"],
    samples: 2,
  });
  assert.equal(cells.length, 2 * 2 * 2 * 3);
  assert.equal(new Set(cells.map(({ id }) => id)).size, cells.length);
  assert.equal(expected.length, 2 * 2, "cells of both moments share their samples");
  assert(expected.every(({ samples }) => samples.join() === "0/10,0/90,1/10,1/90"));
  assert.equal(units.length, 2 * 2 * 2 * 2);
  assert(units.every(({ arms }) => arms.length === 3));
  assert.equal(new Set(units.map(({ place }) => place)).size, 2 * 2 * 2, "a group is one shard's, whatever its moment");
});

Deno.test("tasks may have methods, budgets, lengths and samples of their own", async () => {
  const { cells, expected } = await expandToy({
    ...GRID,
    tasks: [
      { name: "niah", options: { depths: [50] }, lengths: ["900"], samples: 1 },
      { name: "fidelity", options: {}, methods: [method("snapkv")], budgets: ["32"] },
    ],
  });
  assert.deepEqual(
    cells.map(({ config }) => `${config.task.name} ${config.length} ${config.method} ${config.budget}`),
    [
      ...["niah 900 full null", "niah 900 streaming 64", "niah 900 streaming 128"],
      ...["fidelity 700 full null", "fidelity 700 snapkv 32"],
    ],
  );
  assert.deepEqual(expected.map(({ samples }) => samples.length), [1, 3]);
});

Deno.test("where all caches are quantised, the full one that is not has its place, too", async () => {
  const { cells } = await expandToy({ ...GRID, methods: [method("snapkv")], budgets: ["64"], kvTypes: ["int4"] });
  assert.deepEqual(
    cells.map(({ config }) => `${config.method} ${config.kvType}`),
    ["full bf16", "full int4", "snapkv int4"],
  );
  const both = await expandToy({ ...GRID, methods: [method("snapkv")], budgets: ["64"], kvTypes: ["int4", "f32"] });
  assert.deepEqual([...new Set(both.cells.map(({ config }) => config.kvType))], ["int4", "f32"]);
});

Deno.test("a cell's id follows everything in its configuration, and nothing else", async () => {
  const { cells: [cell] } = await expandToy();
  assert.match(cell!.id, /^[0-9a-f]{16}$/);
  const shuffled = Object.fromEntries(Object.entries(cell!.config).toReversed()) as unknown as CellConfig;
  assert.equal(cellOf(shuffled).id, cell!.id);
  const changes = { modelId: "x", kvType: "f32", seed: 9, dataId: "x", truncate: "left", scorer: "official" } as const;
  const ids = Object.entries(changes).map(([name, value]) => cellOf({ ...cell!.config, [name]: value }).id);
  assert.equal(new Set([cell!.id, ...ids]).size, 1 + ids.length);
  const { cells: [longer] } = await expandToy({ ...GRID, samples: 100 });
  assert.equal(longer!.id, cell!.id, "more samples only add lines");
});

Deno.test("a model is opened once, however often it is named", async () => {
  const opened: string[] = [];
  await expand({ ...GRID, models: ["a", "b", "a"] }, (name) => {
    opened.push(name);
    return Promise.resolve({ ...MODEL, name });
  });
  assert.deepEqual(opened, ["a", "b"]);
});

Deno.test("a grid without cells is refused", async () => {
  const wanted = new UsageError(
    "Cannot run a grid without cells: expected models, methods, tasks and rules that leave some",
  );
  await assert.rejects(expandToy({ ...GRID, methods: [] }), wanted);
  await assert.rejects(expandToy({ ...GRID, include: [{ method: ["quest"] }] }), wanted);
});
