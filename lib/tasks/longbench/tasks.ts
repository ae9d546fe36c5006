/** LongBench's tasks (arXiv:2308.14508): how they are prompted and scored. */
import type { MetricName } from "../metrics/registry.ts";

export type Category = "single-document QA" | "multi-document QA" | "summaries" | "few-shot" | "synthetic" | "code";

export interface LongBenchTask {
  readonly category: Category;
  readonly metric: MetricName;
  readonly newTokens: number;
  readonly language: "en" | "zh";
  /** Prompts go into the model's chat template; those of few-shot and completion tasks do not. */
  readonly chat: boolean;
  /** Only the first line of an answer is scored. */
  readonly firstLine: boolean;
}

type Extra = Partial<Pick<LongBenchTask, "chat" | "firstLine">>;

const task = (category: Category, metric: MetricName, newTokens: number, extra: Extra = {}): LongBenchTask => ({
  category,
  metric,
  newTokens,
  language: metric.endsWith("_zh") ? "zh" : "en",
  chat: true,
  firstLine: false,
  ...extra,
});

const BARE = { chat: false }, FEW_SHOT = { chat: false, firstLine: true };

/** In the order of the paper. */
export const TASKS: Readonly<Record<string, LongBenchTask>> = {
  narrativeqa: task("single-document QA", "qa_f1", 128),
  qasper: task("single-document QA", "qa_f1", 128),
  multifieldqa_en: task("single-document QA", "qa_f1", 64),
  multifieldqa_zh: task("single-document QA", "qa_f1_zh", 64),
  hotpotqa: task("multi-document QA", "qa_f1", 32),
  "2wikimqa": task("multi-document QA", "qa_f1", 32),
  musique: task("multi-document QA", "qa_f1", 32),
  dureader: task("multi-document QA", "rouge_l_zh", 128),
  gov_report: task("summaries", "rouge_l", 512),
  qmsum: task("summaries", "rouge_l", 512),
  multi_news: task("summaries", "rouge_l", 512),
  vcsum: task("summaries", "rouge_l_zh", 512),
  trec: task("few-shot", "classification", 64, FEW_SHOT),
  triviaqa: task("few-shot", "qa_f1", 32, FEW_SHOT),
  samsum: task("few-shot", "rouge_l", 128, FEW_SHOT),
  lsht: { ...task("few-shot", "classification", 64, FEW_SHOT), language: "zh" },
  passage_count: task("synthetic", "count", 32),
  passage_retrieval_en: task("synthetic", "retrieval", 32),
  passage_retrieval_zh: task("synthetic", "retrieval_zh", 32),
  lcc: task("code", "code_sim", 64, BARE),
  "repobench-p": task("code", "code_sim", 64, BARE),
};

/** The sixteen English ones. */
export const ENGLISH: readonly string[] = Object.keys(TASKS).filter((name) => TASKS[name]!.language === "en");

/** Those that LongBench-E has too, with evenly spread lengths, as `<name>_e`. */
export const EVEN: readonly string[] = ENGLISH.filter((name) => !["narrativeqa", "musique", "qmsum"].includes(name));

export const NAMES: readonly string[] = [...Object.keys(TASKS), ...EVEN.map((name) => `${name}_e`)];

/** `hotpotqa` of `hotpotqa_e`. */
export function baseName(name: string): string {
  return Object.hasOwn(TASKS, name) ? name : name.replace(/_e$/, "");
}

/** Where people get the files. */
export const WHENCE = "data.zip of the data set THUDM/LongBench";
