/** Every metric by name. */
import type { Scoring } from "../sample.ts";
import { choice } from "./choice.ts";
import { matchAll, matchPart } from "./contains.ts";
import * as longbench from "./longbench.ts";
import { fidelity } from "./fidelity.ts";
import { niah } from "./niah.ts";
import type { Metric, ScoreMode, Scores } from "./metric.ts";
import { repoqa } from "./repoqa.ts";
import * as scbench from "./scbench.ts";
import { statedChoice } from "./stated_choice.ts";

export const metrics = {
  match_all: matchAll,
  match_part: matchPart,
  niah,
  fidelity,
  qa_f1: longbench.qaF1,
  qa_f1_zh: longbench.qaF1Chinese,
  rouge_l: longbench.rouge,
  rouge_l_zh: longbench.rougeChinese,
  classification: longbench.classification,
  retrieval: longbench.retrieval,
  retrieval_zh: longbench.retrievalChinese,
  count: longbench.count,
  code_sim: longbench.codeSim,
  contains: scbench.contains,
  contains_all: scbench.containsAll,
  contains_any: scbench.containsAny,
  many_shot: scbench.manyShot,
  characters_f1: scbench.charactersF1,
  first_number: scbench.firstNumber,
  passkey: scbench.passkey,
  rouge_lsum: scbench.summary,
  choice,
  stated_choice: statedChoice,
  repoqa,
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** Whether a score is 0 or 1 whatever is answered: `one reference` of those that are shares of the references. */
const RIGHT_OR_WRONG: Readonly<Record<MetricName, boolean | "one reference">> = {
  match_all: "one reference",
  match_part: true,
  niah: "one reference",
  fidelity: false,
  qa_f1: false,
  qa_f1_zh: false,
  rouge_l: false,
  rouge_l_zh: false,
  classification: false,
  retrieval: false,
  retrieval_zh: false,
  count: false,
  code_sim: false,
  contains: true,
  contains_all: "one reference",
  contains_any: true,
  many_shot: true,
  characters_f1: false,
  first_number: true,
  passkey: true,
  rouge_lsum: false,
  choice: true,
  stated_choice: true,
  repoqa: true,
};

/** Whether an answer can only be right or wrong. It depends on the metric, not on what came of it: intervals are chosen by it. */
export function isRightOrWrong({ metric, references }: Scoring): boolean {
  const when = RIGHT_OR_WRONG[metric];
  return when === "one reference" ? references.length <= 1 : when;
}

/**
 * Score one answer both ways.
 *
 * @param mode  Whose number is `score`; where the other way gives another number, it is there under its own name.
 */
export function scoreAnswer(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const metric: Metric = metrics[scoring.metric];
  const other = mode === "official" ? "fixed" : "official";
  const scores = metric(answer, scoring, mode), others = metric(answer, scoring, other);
  return scores.score === others.score ? scores : { ...scores, [other]: others.score };
}
