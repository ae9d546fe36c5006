/** Where haystacks come from: generated prose, or somebody's text. */
import { RunError } from "../../error.ts";
import type { Dice } from "../dice.ts";
import { paragraph } from "../prose.ts";

export interface Haystack {
  /** For reports: `prose`, or the name of a text. */
  readonly name: string;
  /**
   * At least `count` words, each with the white space behind it, beginning at the start of a sentence. The same dice give
   * the same words, and fewer words are a part of more.
   */
  words(dice: Dice, count: number): string[];
}

/** Generated prose: no end, no repetition, nothing that a model could know. */
export const PROSE: Haystack = {
  name: "prose",
  words(dice, count) {
    const words: string[] = [];
    while (words.length < count) words.push(...wordsOf(`${paragraph(dice)}\n\n`));
    return words;
  },
};

/**
 * A text of one's own, from a sentence that the dice choose; it starts over where it ends.
 *
 * @throws {RunError} for a text without words.
 */
export function textHaystack(name: string, text: string): Haystack {
  const all = wordsOf(`${text.trim()}\n\n`);
  if (text.trim() === "") throw new RunError(`Cannot hide a needle in ${name}: expected at least one word, found none`);
  const starts = [0, ...sentenceEnds(all).slice(0, -1)];
  return {
    name,
    words(dice, count) {
      const from = dice.pick(starts);
      return Array.from({ length: count }, (_, i) => all[(from + i) % all.length]!);
    },
  };
}

/** Runs of what is not white space, each with the white space behind it. */
function wordsOf(text: string): string[] {
  return text.match(/\S+\s*/g) ?? [];
}

/** Numbers of words that make whole sentences: a text may be cut after that many. */
export function sentenceEnds(words: readonly string[]): number[] {
  return words.flatMap((word, i) => ENDS.test(word) && !SHORTENED.test(word) ? [i + 1] : []);
}

const ENDS = /[.!?]["')\]]*\s+$/;
const SHORTENED = /^\W*(Mr|Mrs|Ms|Dr|St|No|vs|e\.g|i\.e)\.\s+$/;
