/** Grids from files: what is written wrong is named by file, line and field. */
import assert from "node:assert/strict";
import { UsageError } from "../../lib/error.ts";
import { DEFAULT_GRID, type Grid, gridHash } from "../../lib/sweep/grid/grid.ts";
import { formatGrid, parseGrid, readGrid } from "../../lib/sweep/grid/grid_file.ts";
import { presets } from "../../lib/sweep/grid/preset.ts";

const YAML = `
models: smollm2
methods:
  - rocketkv
  - name: snapkv
    set: {kernel: 7, pool: avg}
budgets: [128, 4x]
ratios: 16
tasks:
  - ruler/vt
  - name: niah
    options: {depths: [0, 50]}
    lengths: [1024, 81920w]
    samples: 3
lengths: [2048]
seeds: [1, 2]
moments: [query-aware, query-agnostic]
samples: 10
set: {window: 16}
scorer: official
exclude:
  - {method: snapkv, budget: 128}
  - task: ruler/*
    seed: 2
`;

const GRID: Grid = {
  ...DEFAULT_GRID,
  models: ["smollm2"],
  methods: [
    { name: "rocketkv", set: { window: 16 }, files: {} },
    { name: "snapkv", set: { kernel: 7, pool: 1, window: 16 }, files: {} },
  ],
  budgets: ["128", "4x", "16x"],
  tasks: [
    { name: "ruler/vt", options: {} },
    { name: "niah", options: { depths: [0, 50] }, lengths: ["1024", "81920w"], samples: 3 },
  ],
  lengths: ["2048"],
  seeds: [1, 2],
  moments: ["query-aware", "query-agnostic"],
  samples: 10,
  scorer: "official",
  exclude: [{ method: ["snapkv"], budget: ["128"] }, { task: ["ruler/*"], seed: [2] }],
};

Deno.test("YAML, JSON and TOML say the same grid", async () => {
  assert.deepEqual(await parseGrid("grid.yaml", YAML), GRID);
  const { parse } = await import("yaml");
  assert.deepEqual(await parseGrid("grid.json", JSON.stringify(parse(YAML), null, 2)), GRID);
  const toml = await import("smol-toml");
  assert.deepEqual(await parseGrid("grid.toml", toml.stringify(parse(YAML))), GRID);
});

Deno.test("formatGrid() writes what parseGrid() reads", async () => {
  for (const grid of [GRID, ...Object.values(presets)]) {
    assert.deepEqual(await parseGrid("grid.yaml", await formatGrid(grid)), grid);
  }
});

Deno.test("gridHash() follows the grid, not the order of its fields", () => {
  const { models, ...rest } = GRID;
  assert.equal(gridHash({ ...rest, models }), gridHash(GRID));
  assert.notEqual(gridHash({ ...GRID, samples: 11 }), gridHash(GRID));
});

const SYNTAX = /^Cannot read g\.\w+, line [12]: \w[^\n]+$/;

const refusals: readonly (readonly [what: string, file: string, text: string, message: string | RegExp])[] = [
  [
    "an unknown field",
    "g.yaml",
    "tasks: niah\nmodel: x\n",
    'Cannot use g.yaml, line 2: unknown field "model": did you mean "models"?',
  ],
  [
    "an unknown field far from all",
    "g.yaml",
    "tasks: niah\ncolour: x\n",
    /^Cannot use g\.yaml, line 2: unknown field "colour": expected one of models, methods, budgets, ratios, .*, exclude$/,
  ],
  ["no tasks", "g.yaml", "models: x\n", "Cannot use g.yaml, line 1: the field tasks is missing"],
  [
    "something else than an object",
    "g.yaml",
    "- niah\n",
    /^Cannot use g\.yaml, line 1: the grid must be an object with models, methods, .*, exclude: found \["niah"\]$/,
  ],
  [
    "a budget that is none",
    "g.yaml",
    "tasks: niah\nbudgets:\n  - 128\n  - many\n",
    'Cannot use g.yaml, line 4: budgets[1]: Cannot use --budget "many": it must be an integer >= 1, in tokens',
  ],
  [
    "a number where a text must be",
    "g.json",
    '{\n  "tasks": ["niah"],\n  "models": [7]\n}',
    "Cannot use g.json, line 3: models[0] must be the name of a model: found 7",
  ],
  [
    "a fraction of a sample",
    "g.yaml",
    "tasks: niah\nsamples: 2.5\n",
    "Cannot use g.yaml, line 2: samples must be an integer >= 1: found 2.5",
  ],
  [
    "an unknown moment",
    "g.yaml",
    "tasks: niah\nmoments: [query-awar]\n",
    "Cannot use g.yaml, line 2: moments[0] must be one of query-aware, query-agnostic (did you mean " +
    '"query-aware"?): found "query-awar"',
  ],
  [
    "an unknown length",
    "g.yaml",
    "tasks: niah\nlengths: [4k]\n",
    'Cannot use g.yaml, line 2: lengths[0]: Cannot use length "4k": it must be tokens such as 4096, or words such as 2048w',
  ],
  [
    "an unknown task",
    "g.yaml",
    "tasks:\n  - name: nihah\n",
    'Cannot use g.yaml, line 2: tasks[0].name: Cannot use task "nihah": did you mean "niah"?',
  ],
  [
    "an option that the task does not have",
    "g.yaml",
    "tasks:\n  - name: niah\n    options:\n      depth: 3\n",
    'Cannot use g.yaml, line 4: tasks[0].options: Cannot use option "depth" of task "niah": did you mean "depths"?',
  ],
  [
    "a setting that the method does not have",
    "g.yaml",
    "tasks: niah\nmethods:\n  - name: streaming\n    set: {sink: 4}\n",
    "Cannot use g.yaml, line 4: methods[0].set: Cannot use --set sink=4: did you mean sinks? streaming knows sinks, " +
    "shift, dense_layers, decode_tail",
  ],
  [
    "a rule about no axis",
    "g.yaml",
    "tasks: niah\nexclude: [{depth: 3}]\n",
    'Cannot use g.yaml, line 2: unknown field "exclude[0].depth": expected one of model, method, budget, task, ' +
    "length, seed, moment, kvType",
  ],
  ["text that is no YAML", "g.yaml", "tasks: [niah\nmodels: x\n", SYNTAX],
  ["text that is no JSON", "g.json", '{"tasks": ["niah"]\n  "models": 1}', SYNTAX],
  ["text that is no TOML", "g.toml", 'tasks = ["niah"]\nmodels = \n', SYNTAX],
  [
    "a wrong field of TOML",
    "g.toml",
    'tasks = ["niah"]\nsamples = 3\nseeds = [0, -1]\n',
    "Cannot use g.toml, line 3: seeds[1] must be an integer >= 0: found -1",
  ],
  [
    "a wrong field of the second table of TOML",
    "g.toml",
    '[[tasks]]\nname = "niah"\nsamples = 3\n\n[[tasks]]\nname = "niah"\nsamples = 0\n',
    "Cannot use g.toml, line 7: tasks[1].samples must be an integer >= 1: found 0",
  ],
];

for (const [what, file, text, message] of refusals) {
  Deno.test(`a grid with ${what} is refused with its file and line`, async () => {
    await assert.rejects(parseGrid(file, text), (error: Error) => {
      assert(error instanceof UsageError, String(error));
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a grid file that is not there is named", async () => {
  await assert.rejects(
    readGrid("/nowhere/grid.yaml"),
    new UsageError("Cannot read the grid: no file /nowhere/grid.yaml"),
  );
});

Deno.test("the grid that the documentation shows is one", async () => {
  const page = Deno.readTextFileSync(new URL("../../docs/studies.md", import.meta.url));
  const [, yaml] = /```yaml\n([^]*?)```/.exec(page)!;
  const grid = await parseGrid("docs/studies.md", yaml!);
  assert.deepEqual(grid.budgets, ["128", "256", "16x"]);
  assert.deepEqual(grid.methods.map(({ set }) => set), [
    { decode_tail: 1 },
    { window: 16, decode_tail: 1 },
    { decode_tail: 1 },
  ]);
  assert.equal(grid.exclude.length, 2);
});
