/**
 * LongBench's metrics (arXiv:2308.14508). The score of an answer is the best one against its references.
 *
 * Detail `firstLine`: only the first line of the answer counts, line breaks in front of it aside.
 */
import type { Scoring } from "../sample.ts";
import { chineseWords, normaliseChinese } from "./chinese.ts";
import { type CodeSimilarity, codeSimilarity } from "./code_similarity.ts";
import type { ScoreMode, Scores } from "./metric.ts";
import { normalise } from "./normalise.ts";
import { bagF1, bestOf } from "./overlap.ts";
import { pythonWords } from "./python_text.ts";
import { rougeL } from "./rouge_l.ts";

/** F1 of words, without case, punctuation and articles. */
export function qaF1(answer: string, scoring: Scoring): Scores {
  const found = pythonWords(normalise(said(answer, scoring)));
  return best(scoring, (reference) => bagF1(found, pythonWords(normalise(reference))));
}

export function qaF1Chinese(answer: string, scoring: Scoring): Scores {
  const found = plainChineseWords(said(answer, scoring));
  return best(scoring, (reference) => bagF1(found, plainChineseWords(reference)));
}

/** Detail `recursionLimit`: Python's, which the official score runs into. @default 1000 */
export function rouge(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const text = said(answer, scoring), limit = recursionLimit(scoring, mode);
  return best(scoring, (reference) => rougeL(text, reference, limit));
}

export function rougeChinese(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const spaced = (text: string) => chineseWords(text).join(" ");
  const text = spaced(said(answer, scoring)), limit = recursionLimit(scoring, mode);
  return best(scoring, (reference) => rougeL(text, spaced(reference), limit));
}

/**
 * One over the number of classes that the answer names, when the right one is among them; names that are a part of the right one
 * do not count. The official program passes over the class behind each one that it takes out. Detail `classes`.
 */
export function classification(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const text = said(answer, scoring), classes = (scoring.details?.classes ?? []) as readonly string[];
  return best(scoring, (reference) => {
    const named = classes.filter((name) => text.includes(name));
    for (let i = 0; i < named.length; i++) {
      if (named[i] === reference || !reference.includes(named[i]!)) continue;
      named.splice(i, 1);
      if (mode === "fixed") i--;
    }
    return named.includes(reference) ? 1 / named.length : 0;
  });
}

/** Share of the numbers in the answer that are the paragraph's: the reference is `Paragraph 12`. */
export function retrieval(answer: string, scoring: Scoring): Scores {
  return best(scoring, (reference) => shareOfNumbers(said(answer, scoring), /Paragraph (\d+)/.exec(reference)?.[1]));
}

/** The same for `段落12`. */
export function retrievalChinese(answer: string, scoring: Scoring): Scores {
  return best(scoring, (reference) => shareOfNumbers(said(answer, scoring), /段落(\d+)/.exec(reference)?.[1]));
}

/** Share of the numbers in the answer that are the right one. */
export function count(answer: string, scoring: Scoring): Scores {
  return best(scoring, (reference) => shareOfNumbers(said(answer, scoring), reference));
}

/**
 * Likeness of the first line that has no backtick, `#` or `//`. The official program takes an empty line for one. Detail
 * `codeSimilarity`, see `code_similarity.ts`. @default indel
 */
export function codeSim(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  const kind = (scoring.details?.codeSimilarity ?? "indel") as CodeSimilarity;
  const lines = answer.replace(/^\n+/, "").split("\n");
  const line = lines.find((one) => !/`|#|\/\//.test(one) && (mode === "official" || one.trim() !== "")) ?? "";
  return best(scoring, (reference) => codeSimilarity(line, reference, kind));
}

function best({ references }: Scoring, score: (reference: string) => number): Scores {
  return { score: bestOf(references, score) };
}

function said(answer: string, { details }: Scoring): string {
  return details?.firstLine === true ? answer.replace(/^\n+/, "").split("\n")[0]! : answer;
}

function recursionLimit({ details }: Scoring, mode: ScoreMode): number | null {
  return mode === "fixed" ? null : (details?.recursionLimit ?? 1000) as number;
}

function plainChineseWords(text: string): string[] {
  return chineseWords(text).map(normaliseChinese).filter((word) => word !== "");
}

function shareOfNumbers(text: string, wanted: string | undefined): number {
  const numbers = text.match(/\d+/g) ?? [];
  return numbers.length === 0 ? 0 : numbers.filter((number) => number === wanted).length / numbers.length;
}
