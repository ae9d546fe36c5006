/** RepoQA (arXiv:2406.06025): which function of the repository an answer repeats. */
import type { Scoring } from "../sample.ts";
import { bleu } from "./bleu.ts";
import type { Scores } from "./metric.ts";
import { pythonWords } from "./python_text.ts";

const ALIKE = 0.8;

/**
 * 1 when the function that the answer is most like is the one that was described, and like it by a BLEU of 0.8 at least. `bleu`:
 * how much like the right one. Details: `name`, and `functions` of the same repository by name.
 *
 * RepoQA cuts the first function out of the answer with a parser of its language; this takes the first fenced block as it is, or
 * the whole answer without one, which gives the same where a model answers with the function alone. `fenced` says which: 1 for a
 * block, 0 for the whole answer.
 */
export function repoqa(answer: string, { references, details }: Scoring): Scores {
  const block = fencedBlock(answer), words = pythonWords(block ?? answer);
  const functions = Object.entries((details?.functions ?? {}) as Record<string, string>);
  const name = details?.name as string;
  const right = bleu(words, pythonWords(references[0]!));
  const others = functions.filter(([other]) => other !== name).map(([, code]) => bleu(words, pythonWords(code)));
  return {
    score: right >= ALIKE && right >= Math.max(0, ...others) ? 1 : 0,
    bleu: right,
    fenced: block === null ? 0 : 1,
  };
}

/** Text of the first block between lines of three backticks; null without one. */
function fencedBlock(answer: string): string | null {
  return /^[ \t]*```[^\n]*\n([\s\S]*?)(?:^[ \t]*```|$(?![\s\S]))/m.exec(answer)?.[1] ?? null;
}
