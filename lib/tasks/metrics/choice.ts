/** Which of four options an answer chooses. */
import type { Scoring } from "../sample.ts";
import type { ScoreMode, Scores } from "./metric.ts";

const LETTERS = "ABCD";

/**
 * SCBench's English choices: references are the option's text and its letter.
 *
 * The official program takes the first letter of an answer when it is one of A to D, so that "Answer: B" chooses A.
 */
export function choice(answer: string, { references }: Scoring, mode: ScoreMode): Scores {
  const right = mode === "official" ? officialChoice(answer.trim(), references) : chosen(answer.trim(), references);
  return { score: right ? 1 : 0 };
}

function officialChoice(answer: string, labels: readonly string[]): boolean {
  if (answer === "") return false;
  if (LETTERS.includes(answer[0]!)) return labels.includes(answer[0]!);
  if (labels.includes(answer)) return true;
  const text = answer.replace(/[\n"'.,?!{}]/g, " ").replace(/ {2,}/g, " ");
  for (const lead of ["answer is:", "answer:", "answer is", "option is"]) {
    const at = text.indexOf(lead);
    if (at < 0) continue;
    const rest = text.slice(at + lead.length + 1);
    return rest !== "" && labels.some((label) => rest.startsWith(label));
  }
  const word = text.split(/\s+/).find((word) => word !== "" && LETTERS.includes(word));
  return word !== undefined && labels.includes(word);
}

/** The letter behind "answer is" or "option", else the first one that stands alone; an answer without one must be the text. */
function chosen(answer: string, [text, letter]: readonly string[]): boolean {
  const named = /(?:answer|option|choice)(?:\s+is)?\s*:?\s*[("'*]*([A-D])(?![\w'])/i.exec(answer)?.[1]?.toUpperCase();
  const alone = /^\W*([A-D])(?![\w'])(?!\s+[a-z])/.exec(answer)?.[1] ??
    /(?<![\w'])\(?([B-D])(?![\w'])/.exec(answer)?.[1];
  const said = named ?? alone;
  return said === undefined ? answer.toLowerCase().includes(text!.toLowerCase()) : said === letter;
}
