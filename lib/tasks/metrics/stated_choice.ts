/** Four-choice questions whose prompts ask for a sentence as the answer: LongBench v2 (arXiv:2412.15204). */
import type { Scoring } from "../sample.ts";
import type { ScoreMode, Scores } from "./metric.ts";

/**
 * 1 when the letter in "The correct answer is (B)" is the reference; asterisks are ignored. `unparsed`: 1 when there is none.
 * `compensated`: a quarter then, as for a guess. `fixed` also accepts other cases, and an answer that is the letter alone.
 */
export function statedChoice(answer: string, { references }: Scoring, mode: ScoreMode): Scores {
  const text = answer.replaceAll("*", "");
  const said = mode === "official"
    ? /The correct answer is \(([A-D])\)/.exec(text) ?? /The correct answer is ([A-D])/.exec(text)
    : /correct answer is:? \(?([A-D])(?!\w)/i.exec(text) ?? /^\s*\(?([A-D])(?!\w|'| [a-z])/.exec(text);
  const score = said?.[1]?.toUpperCase() === references[0] ? 1 : 0;
  return { score, unparsed: said === null ? 1 : 0, compensated: said === null ? 0.25 : score };
}
