/** Whether an answer has the keys that were hidden, and how much of them. */
import type { Scoring } from "../sample.ts";
import type { Scores } from "./metric.ts";
import { ADJECTIVES, THINGS } from "../prose_words.ts";
import { normalise } from "./normalise.ts";

/**
 * `score`: share of the references that the answer has. `partial`: of their letters in a row, as a mean. `wrong`: 1 when it
 * has another owner's key. Where there was nothing to find (no references), `score` is 1 for an answer that names no key,
 * and `falsePositive` 1 for one that does.
 *
 * Details: `others`, keys of the decoys; `key`, the kind of all keys, such as `digits:7`.
 */
export function niah(answer: string, { references, details = {} }: Scoring): Scores {
  const others = (details.others ?? []) as readonly string[];
  const wrong = others.some((other) => found(answer, other)) ? 1 : 0;
  if (references.length === 0) {
    const falsePositive = hasSomeKey(answer, details.key as string) ? 1 : 0;
    return { score: 1 - falsePositive, falsePositive, wrong };
  }
  const mean = (value: (key: string) => number) =>
    references.reduce((sum, key) => sum + value(key), 0) / references.length;
  return { score: mean((key) => Number(found(answer, key))), partial: mean((key) => partial(answer, key)), wrong };
}

/** The key occurs in the answer, both normalised: `exact_match` of the passkey task. */
export function found(answer: string, key: string): boolean {
  return normalise(answer).includes(normalise(key));
}

/** Length of the longest piece of the key that occurs in the answer, over the length of the key: 0 to 1. */
export function partial(answer: string, key: string): number {
  let longest = 0;
  let above = new Uint32Array(key.length + 1); // lengths of common suffixes of answer[..i] and key[..j]
  for (const letter of answer) {
    const row = new Uint32Array(key.length + 1);
    for (let j = 1; j <= key.length; j++) {
      if (key[j - 1] !== letter) continue;
      row[j] = above[j - 1]! + 1;
      longest = Math.max(longest, row[j]!);
    }
    above = row;
  }
  return longest / key.length;
}

/** At least half a number's digits in a row, half a UUID, or two words that keys are made of. */
function hasSomeKey(answer: string, kind: string): boolean {
  const text = normalise(answer);
  if (kind === "uuid") return /[\da-f]{16}/.test(text);
  if (kind === "words") return text.split(" ").filter((word) => KEY_WORDS.has(word)).length >= 2;
  const digits = Number(kind.split(":")[1]);
  return new RegExp(`\\d{${Math.ceil(digits / 2)}}`).test(text);
}

/** The last words of adjectives and things: the needle task takes them from there. */
const KEY_WORDS: ReadonlySet<string> = new Set(
  [...ADJECTIVES, ...THINGS].map((name) => normalise(name.split(" ").at(-1)!)),
);
