/** SCBench's metrics (arXiv:2412.10319), with its program's habits in `official` and what they were meant to be in `fixed`. */
import type { Scoring } from "../sample.ts";
import { normaliseChinese } from "./chinese.ts";
import type { ScoreMode, Scores } from "./metric.ts";
import { bagF1, bestOf } from "./overlap.ts";
import { pythonRound } from "./python_text.ts";
import { rougeLsum } from "./rouge_lsum.ts";

/** The value is in the answer; fixed: with no letter or digit right before or behind it. */
export function contains(answer: string, { references }: Scoring, mode: ScoreMode): Scores {
  return {
    score: references.some((value) => mode === "official" ? answer.includes(value) : hasWhole(answer, value)) ? 1 : 0,
  };
}

/** Share of the references in the answer, whatever the case; the official one is rounded to two decimals. */
export function containsAll(answer: string, { references }: Scoring, mode: ScoreMode): Scores {
  const text = answer.toLowerCase();
  const share = references.filter((one) => text.includes(one.toLowerCase())).length / references.length;
  return { score: mode === "official" ? pythonRound(share * 100) / 100 : share };
}

/** Any reference is in the answer, whatever the case. */
export function containsAny(answer: string, { references }: Scoring): Scores {
  const text = answer.trim().toUpperCase();
  return { score: references.some((one) => text.includes(one.toUpperCase())) ? 1 : 0 };
}

/**
 * The letter of a bracketed option, as in `(C)`; without brackets a letter that stands alone. The official program accepts any
 * answer with that letter in it.
 */
export function manyShot(answer: string, scoring: Scoring, mode: ScoreMode): Scores {
  if (mode === "official") return containsAny(answer, scoring);
  const letter = /\(([A-Z])\)/.exec(answer)?.[1] ?? /(?<![\w'])([A-Z])(?![\w'])/.exec(answer)?.[1];
  return { score: scoring.references.some((one) => one.replace(/\W/g, "").toUpperCase() === letter) ? 1 : 0 };
}

/**
 * F1 of characters. Where the file has one text instead of a list (detail `text`), the official program takes every character of
 * it for an answer.
 */
export function charactersF1(answer: string, { references, details }: Scoring, mode: ScoreMode): Scores {
  const wanted = mode === "official" && details?.text === true ? [...references[0]!] : references;
  const found = [...normaliseChinese(answer)];
  return { score: bestOf(wanted, (one) => bagF1(found, [...normaliseChinese(one)])) };
}

/** The first number; the official program drops its sign and what is behind its decimal point. */
export function firstNumber(answer: string, { references }: Scoring, mode: ScoreMode): Scores {
  const found = (mode === "official" ? /\d+\.\d+|\d+/ : /-?\d+(\.\d+)?/).exec(answer.replace(/[\u2212\u2013]/g, "-"))
    ?.[0];
  if (found === undefined) return { score: 0 };
  const number = mode === "official" ? Math.trunc(Number(found)) : Number(found);
  return { score: number === Number(references[0]) ? 1 : 0 };
}

/** The first digits in a row are the key. */
export function passkey(answer: string, { references }: Scoring): Scores {
  return { score: /[0-9]+/.exec(answer)?.[0] === references[0] ? 1 : 0 };
}

export function summary(answer: string, { references }: Scoring): Scores {
  return { score: bestOf(references, (one) => rougeLsum(answer, one)) };
}

function hasWhole(text: string, value: string): boolean {
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    const around = `${text[at - 1] ?? ""} ${text[at + value.length] ?? ""}`;
    if (!/[\p{L}\p{N}]/u.test(around)) return true;
  }
  return false;
}
