/** `cwe`: the ten words that a long list has most often. */
import type { Dice } from "../dice.ts";
import type { Recipe } from "./recipe.ts";
import { soundWords } from "./words.ts";

const COMMON = 10;

export const commonWords: Recipe = {
  metric: "match_all",
  newTokens: 120,
  mostUnits,
  prepare({ dice, length }) {
    const short = length < 4096;
    const words = soundWords(dice("words"), 40 + COMMON + mostUnits(length));
    // Words of the example are not those of the list.
    const example = short
      ? listOf(dice("example"), words.splice(0, 20), 3, 1)
      : listOf(dice("example"), words.splice(0, 40), 10, 3);
    const intro = `${TASK}\n\nAn example:\n\n${example.text}\n\n${QUESTION}\n${PREFIX} ${
      numbered(example.common).join(" ")
    }\n\nNow the list itself:\n\n`;
    return (units) => {
      const { text, common, entries } = listOf(
        dice("list"),
        words.slice(0, COMMON + units),
        short ? 6 : 30,
        short ? 1 : 3,
      );
      return {
        context: intro + text,
        question: QUESTION,
        prefix: PREFIX,
        references: common,
        about: { entries, words: COMMON + units },
      };
    };
  },
};

const TASK = "Count how often each word stands in this numbered list, and remember the ten most common ones.";
const QUESTION = "Which ten words stand in the list most often?";
const PREFIX = "The ten most common words are:";

/** @param words  The first ten are the common ones. */
function listOf(
  dice: Dice,
  words: readonly string[],
  often: number,
  seldom: number,
): { text: string; common: readonly string[]; entries: number } {
  const entries = words.flatMap((word, i) => Array<string>(i < COMMON ? often : seldom).fill(word));
  return {
    text: numbered(dice.shuffled(entries)).join(" "),
    common: words.slice(0, COMMON),
    entries: entries.length,
  };
}

function numbered(words: readonly string[]): string[] {
  return words.map((word, i) => `${i + 1}. ${word}`);
}

/** Words beside the common ones: each is an entry at least, of number, dot and word. */
function mostUnits(length: number): number {
  return Math.ceil(length / 4);
}
