/** Grids that come along. `rocketkv sweep --preset smoke --print-grid` prints one as a file. */
import { NIAH_PRESETS } from "../../tasks/niah/presets.ts";
import { DEFAULT_GRID, type Grid, type GridMethod, type GridTask } from "./grid.ts";

const named = (...names: string[]): GridMethod[] => names.map((name) => ({ name, set: {}, files: {} }));
const tasks = (...names: string[]): GridTask[] => names.map((name) => ({ name, options: {} }));

/**
 * A few minutes on two cores: enough to see every method work and every chart drawn, and too few samples to conclude from. Tasks
 * are those that a model this small can do with all of its cache.
 */
const smoke: Grid = {
  ...DEFAULT_GRID,
  models: ["smollm2"],
  methods: named("rocketkv", "snapkv", "quest", "streaming"),
  budgets: ["64", "128", "256"],
  tasks: [
    { name: "niah", options: { depths: [0, 25, 50, 75, 100] } },
    ...tasks("ruler/niah_single_2", "ruler/niah_multikey_1"),
    { name: "fidelity", options: {} },
  ],
  lengths: ["1024", "2048"],
  samples: 3, // of two lengths: six contexts, the fewest that a test can find a difference on
};

/** The last prompt token is fed as a decode step in the paper's runs, which eviction therefore cannot see. */
const PAPER_METHODS = ["oracle", "snapkv-head", "quest", "sparq", "hsa", "rocketkv"].map((name) => ({
  name,
  set: { decode_tail: 1 },
  files: {},
}));

/** On SCBench it is not, and 128 tokens vote. DuoAttention is left out everywhere: it needs a file of gates. */
const SCBENCH_METHODS: GridMethod[] = [
  ...named("oracle"),
  { name: "snapkv-head", set: { window: 128 }, files: {} },
  ...named("quest", "sparq", "hsa"),
  { name: "rocketkv", set: { window: 128 }, files: {} },
  { name: "rocketkv-mt", set: { window: 128 }, files: {} },
];

/**
 * The evaluation of the RocketKV paper (arXiv:2502.14051, section 4.1 and appendix A) for Llama-3.1-8B-Instruct: needles in
 * 2,048 to 81,920 words, RULER at 16,000 to 96,000 tokens, LongBench, and SCBench in turns. LongBench, SCBench and RULER's
 * questions come from the user's own copies: see `rocketkv data`.
 */
const rocketkvPaper: Grid = {
  ...DEFAULT_GRID,
  models: ["meta-llama/Llama-3.1-8B-Instruct"],
  methods: PAPER_METHODS,
  budgets: ["256", "512", "1024", "2048", "4096"],
  tasks: [
    { name: "niah", ...NIAH_PRESETS["rocketkv-paper"] },
    { name: "ruler", options: {}, samples: 50 },
    { name: "longbench", options: {}, samples: 500 },
    {
      name: "scbench",
      options: {},
      methods: SCBENCH_METHODS,
      budgets: ["1024", "2048", "4096", "8192", "16384"],
      samples: 100,
    },
  ],
  lengths: ["16000", "32000", "64000", "96000"],
  seeds: [42],
  truncate: "middle",
};

/**
 * RULER at 4,096 tokens as kvpress's leaderboard has it: all thirteen tasks, 0.25, 0.5, 0.75 and 0.875 of the cache removed
 * (1.3333x, 2x, 4x and 8x here). Compressed before the question is seen; SnapKV and Ada-KV also behind it.
 */
const kvpressRuler4k: Grid = {
  ...DEFAULT_GRID,
  models: ["meta-llama/Llama-3.1-8B-Instruct"],
  methods: named(
    ...["random", "knorm", "snapkv", "expected-attention", "streaming", "tova", "pyramidkv", "lagkv", "keydiff"],
    "adakv(snapkv)",
  ),
  budgets: ["1.3333x", "2x", "4x", "8x"],
  tasks: tasks("ruler"),
  lengths: ["4096"],
  seeds: [42],
  moments: ["query-agnostic", "query-aware"],
  samples: 500,
  include: [
    { moment: ["query-agnostic"] },
    { moment: ["query-aware"], method: ["snapkv", "adakv(snapkv)"] },
  ],
  exclude: [{ moment: ["query-agnostic"], method: ["adakv(snapkv)"] }],
};

export const presets: Readonly<Record<string, Grid>> = {
  "smoke": smoke,
  "rocketkv-paper": rocketkvPaper,
  "kvpress-ruler4k": kvpressRuler4k,
};
