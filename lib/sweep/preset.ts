/** Grids that come along. `rocketkv sweep --preset smoke --print-grid` prints one as a file. */
import { DEFAULT_GRID, type Grid, type GridMethod, type GridTask } from "./grid.ts";

const named = (...names: string[]): GridMethod[] => names.map((name) => ({ name, set: {}, files: {} }));
const tasks = (...names: string[]): GridTask[] => names.map((name) => ({ name, options: {} }));

/** A few minutes on two cores: enough to see every method work, every chart drawn, and nothing to conclude from. */
const smoke: Grid = {
  ...DEFAULT_GRID,
  models: ["smollm2"],
  methods: named("rocketkv", "snapkv", "quest", "streaming"),
  budgets: ["128", "256"],
  tasks: [
    { name: "niah", options: { depths: [10, 50, 90] }, samples: 1 },
    ...tasks("ruler/niah_multikey_1", "ruler/vt"),
    { name: "fidelity", options: {}, samples: 2 },
  ],
  lengths: ["1024", "2048"],
  samples: 4,
};

/** LongBench's English tasks, in the order of RocketKV's runs. */
const LONGBENCH = [
  ...["narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique", "gov_report", "qmsum"],
  ...["multi_news", "trec", "triviaqa", "samsum", "passage_retrieval_en", "passage_count", "lcc", "repobench-p"],
];

const NIAH_WORDS = [2048, 10922, 19797, 28672, 37546, 46421, 55296, 64170, 73045, 81920];

/**
 * The evaluation of the RocketKV paper (arXiv:2502.14051, sections 4.1 and A.1 to A.3) for Llama-3.1-8B-Instruct: needles in
 * 2,048 to 81,920 words, RULER at 16,000 to 96,000 tokens, LongBench, and SCBench in turns, with the paper's budgets and
 * rivals. SCBench alone has budgets up to 16,384 and RocketKV-MT. The paper feeds the last prompt token as a decode step, but
 * not on SCBench.
 */
const rocketkvPaper: Grid = {
  ...DEFAULT_GRID,
  models: ["meta-llama/Llama-3.1-8B-Instruct"],
  methods: [
    ...named("oracle", "snapkv", "quest", "sparq", "hsa", "rocketkv", "rocketkv-mt"),
  ],
  budgets: ["256", "512", "1024", "2048", "4096", "8192", "16384"],
  tasks: [
    {
      name: "niah",
      options: { depths: "linear:10", key: "digits:7", raw: true, newTokens: 128 },
      lengths: NIAH_WORDS.map((words) => `${words}w`),
      samples: 3,
    },
    { name: "ruler", options: {}, lengths: ["16000", "32000", "64000", "96000"], samples: 50 },
    ...LONGBENCH.map((name): GridTask => ({ name: `longbench/${name}`, options: {}, samples: 500 })),
    { name: "scbench", options: {}, samples: 100 },
  ],
  lengths: ["16000", "32000", "64000", "96000"],
  seeds: [42],
  samples: 50,
  truncate: "middle",
  exclude: [
    { method: ["rocketkv-mt"], task: ["niah", "ruler", "longbench"] },
    { budget: ["8192", "16384"], task: ["niah", "ruler", "longbench"] },
    { budget: ["256", "512"], task: ["scbench"] },
  ],
};

/**
 * RULER at 4,096 tokens as kvpress's leaderboard has it: all thirteen tasks, compressed before the question is seen, with
 * 0.1, 0.25, 0.5, 0.75 and 0.9 of the cache removed, which is 1.11x, 1.33x, 2x, 4x and 10x here.
 */
const kvpressRuler4k: Grid = {
  ...DEFAULT_GRID,
  models: ["meta-llama/Llama-3.1-8B-Instruct"],
  methods: named("snapkv", "adakv(snapkv)", "pyramidkv", "expected-attention", "knorm", "tova", "streaming", "random"),
  budgets: [],
  tasks: tasks("ruler"),
  lengths: ["4096"],
  seeds: [42],
  moments: ["query-agnostic"],
  samples: 500,
};

export const presets: Readonly<Record<string, Grid>> = {
  "smoke": smoke,
  "rocketkv-paper": rocketkvPaper,
  "kvpress-ruler4k": kvpressRuler4k,
};
