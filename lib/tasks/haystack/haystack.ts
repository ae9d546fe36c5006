/** What needles are hidden in and answers are drowned in: generated prose, noise, or somebody's text. */
import { RunError } from "../../error.ts";
import type { Dice } from "../dice.ts";
import { paragraph } from "../prose.ts";
import { sentenceEnds, wordsOf } from "../sentences.ts";

export interface Haystack {
  /** For dice and reports: `prose`, `noise` or `text`. */
  readonly name: string;
  /** Words until it starts over; null where it never does. */
  readonly size: number | null;
  /**
   * At least `count` words, each with the white space behind it, beginning at the start of a sentence. The same dice give
   * the same words, and fewer words are a part of more.
   */
  words(dice: Dice, count: number): string[];
}

/** Generated prose: no end, no repetition, nothing that a model could know. */
export const PROSE: Haystack = {
  name: "prose",
  size: null,
  words(dice, count) {
    const words: string[] = [];
    while (words.length < count) words.push(...wordsOf(`${paragraph(dice)}\n\n`));
    return words;
  },
};

/** Five short sentences, again and again, a line each time. */
export const NOISE_LINE =
  "Rain fell on the roof. The kettle was warm. Nobody was in a hurry. The clock went on ticking. Then it rained again.";

/** The least that a haystack can be: {@link NOISE_LINE}, always from its beginning. */
export const NOISE: Haystack = {
  name: "noise",
  size: wordsOf(NOISE_LINE).length,
  words: (_, count) => around(wordsOf(`${NOISE_LINE}\n`), 0, count),
};

/**
 * A text of one's own, from a sentence that the dice choose; it starts over where it ends.
 *
 * @param path  For the error text.
 * @throws {RunError} for a text without words.
 */
export function textHaystack(path: string, text: string): Haystack {
  const all = wordsOf(`${text.trim()}\n\n`);
  if (all.length === 0) throw new RunError(`Cannot use ${path} as a haystack: expected at least one word, found none`);
  const starts = [0, ...sentenceEnds(all).filter((end) => end < all.length)];
  return {
    name: "text",
    size: all.length,
    words: (dice, count) => around(all, dice.pick(starts), count),
  };
}

/** How often a haystack starts over within so many words. */
export function repeats({ size }: Haystack, count: number): number {
  return size === null ? 0 : Math.max(0, Math.ceil(count / size) - 1);
}

function around(words: readonly string[], from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => words[(from + i) % words.length]!);
}
