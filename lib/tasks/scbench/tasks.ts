/** SCBench's tasks (arXiv:2412.10319): many questions about one context. */
import type { MetricName } from "../metrics/registry.ts";

/** How the answers of a task, or of a part of one, are made and scored. */
export interface Kind {
  readonly metric: MetricName;
  readonly newTokens: number;
}

/** Of every task, and of the parts of those that mix: `kind` of a turn is its part where it has one. */
export interface SCBenchTask {
  readonly kinds: Readonly<Record<string, Kind>>;
  /** Turns say of which kind they are. */
  readonly mixed: boolean;
}

const kind = (metric: MetricName, newTokens: number): Kind => ({ metric, newTokens });
const single = (metric: MetricName, newTokens: number): SCBenchTask => ({
  kinds: { "": kind(metric, newTokens) },
  mixed: false,
});

/** In the order of the paper's table; files call them `scbench_kv`, and so on. */
export const TASKS: Readonly<Record<string, SCBenchTask>> = {
  kv: single("contains", 150),
  prefix_suffix: single("contains", 150),
  vt: single("contains_all", 30),
  repoqa: single("repoqa", 1024),
  qa_eng: single("contains_any", 40),
  qa_chn: single("characters_f1", 40),
  choice_eng: single("choice", 40),
  mf: single("first_number", 5),
  many_shot: single("many_shot", 10),
  summary: single("rouge_lsum", 200),
  summary_with_needles: {
    kinds: { summary: kind("rouge_lsum", 800), passkey: kind("passkey", 15) },
    mixed: true,
  },
  repoqa_and_kv: { kinds: { repoqa: kind("repoqa", 1024), kv: kind("contains", 80) }, mixed: true },
};

export const NAMES: readonly string[] = Object.keys(TASKS);

/** Shortened forms of KVzip's re-packed files: about 8K, 20K and 60K tokens. */
export const SIZES = ["full", "tiny", "short", "mid"] as const;
export type Size = typeof SIZES[number];

/** What a task's file may be called: as published, in older copies, and re-packed. */
export function fileNames(task: string, size: Size = "full"): string[] {
  const tag = size === "full" ? "" : `_${size}`;
  return [`scbench_${task}${tag}`, `multi_turn_${task}${tag}`, `${task}${tag}`];
}

/** Where people get the files. */
export const WHENCE =
  "data/ of the data set microsoft/SCBench, or re-packed and shortened in Jang-Hyun/SCBench-preprocessed";
