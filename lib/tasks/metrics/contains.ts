/** RULER's two metrics (arXiv:2404.06654): which references an answer contains, whatever the case. */
import type { Scoring } from "../sample.ts";
import type { Scores } from "./metric.ts";

/** Share of the references that are in the answer. */
export function matchAll(answer: string, { references }: Scoring): Scores {
  return { score: hits(answer, references) / references.length };
}

/** 1 when any reference is in the answer. */
export function matchPart(answer: string, { references }: Scoring): Scores {
  return { score: Math.min(1, hits(answer, references)) };
}

function hits(answer: string, references: readonly string[]): number {
  const text = answer.toLowerCase();
  return references.filter((reference) => text.includes(reference.toLowerCase())).length;
}
