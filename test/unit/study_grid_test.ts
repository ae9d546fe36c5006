/** Flags on top of a grid. */
import assert from "node:assert/strict";
import { gridFrom } from "../../cli/study/grid.ts";
import type { StudyFlags } from "../../cli/study/options.ts";
import { UsageError } from "../../lib/error.ts";
import { DEFAULT_GRID, type Grid } from "../../lib/sweep/grid/grid.ts";
import { WHOLE } from "../../lib/sweep/folder/shard.ts";

const NO_FLAGS: StudyFlags = {
  set: [],
  methodFile: [],
  shard: WHOLE,
  extend: false,
  forceNew: false,
  failFast: false,
  dryRun: false,
  show: 0,
  endpointJobs: 4,
  endpointEcho: false,
  device: "auto",
  threads: 0,
  json: false,
};

const BASE: Grid = {
  ...DEFAULT_GRID,
  methods: [{ name: "rocketkv", set: { window: 16 }, files: {} }, { name: "streaming", set: {}, files: {} }],
  tasks: [{
    name: "scbench",
    options: {},
    methods: [{ name: "rocketkv-mt", set: {}, files: {} }],
    budgets: ["1024"],
    lengths: ["99"],
    samples: 7,
  }],
};

const made = (flags: Partial<StudyFlags>) => gridFrom(BASE, { ...NO_FLAGS, ...flags }, null, null);
const method = (name: string) => ({ name, set: {}, files: {} });

Deno.test("without flags a grid stays what it is", () => {
  assert.deepEqual(made({}), BASE);
});

Deno.test("a flag replaces what the grid says, and what its tasks have of their own", () => {
  const { methods, budgets, samples, tasks } = made({ method: ["quest"], budget: ["32"], ratio: ["4x"], samples: 2 });
  assert.deepEqual(methods, [method("quest")]);
  assert.deepEqual(budgets, ["32", "4x"]);
  assert.equal(samples, 2);
  assert.deepEqual(tasks, [{ name: "scbench", options: {}, lengths: ["99"] }]);
  const lengths = gridFrom(BASE, NO_FLAGS, null, [{ unit: "words", count: 5 }]);
  assert.deepEqual(lengths.lengths, ["5w"]);
  assert.equal(lengths.tasks[0]!.lengths, undefined);
});

Deno.test("settings go to the methods that know them, beside those that they have", () => {
  const { methods } = made({ set: ["sinks=2", "window=8"] });
  assert.deepEqual(methods.map(({ set }) => set), [{ window: 8, sinks: 2 }, { sinks: 2 }]);
  assert.throws(() => made({ set: ["page=2"] }), UsageError);
  assert.throws(
    () => made({ methodFile: ["gates=x.tsv"] }),
    new UsageError("Cannot use --method-file gates: none of the methods reads files"),
  );
  const gates = made({ method: ["duoattention", "streaming"], methodFile: ["gates=x.tsv"] }).methods;
  assert.deepEqual(gates.map(({ files }) => files), [{ gates: "x.tsv" }, {}]);
});

Deno.test("a server has a cache of its own: no methods", () => {
  const grid = made({ endpoint: "http://127.0.0.1:1" });
  assert.equal(grid.endpoint, "http://127.0.0.1:1/v1");
  assert.deepEqual(grid.methods, [method("full")]);
  assert.equal(grid.tasks[0]!.methods, undefined);
  assert.throws(
    () => made({ endpoint: "http://127.0.0.1:1", method: ["snapkv"] }),
    new UsageError("Cannot use --method snapkv with --endpoint: the server has a cache of its own"),
  );
});
