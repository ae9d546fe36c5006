/** `fwe`: the three most frequent words of a coded text whose frequencies follow Zipf's law. */
import type { Recipe } from "./recipe.ts";
import { different } from "./words.ts";

export const frequentWords: Recipe = {
  metric: "match_all",
  newTokens: 50,
  mostUnits: (length) => length,
  prepare({ dice, length }) {
    const letters = dice("words");
    const count = Math.max(8, Math.floor((length - 50) / 50));
    const words = different(count, () => Array.from({ length: 6 }, () => letters.pick(LETTERS)).join(""));
    return (units) => {
      const counts = zipfCounts(LEAST + units, words.length);
      const text = words.flatMap((word, i) => Array<string>(counts[i]!).fill(i === 0 ? "..." : word));
      return {
        context: `${TASK}\n\n${dice("order").shuffled(text).join(" ")}`,
        question: "Which three coded words are the most frequent ones? The dots do not count.",
        prefix: "The three most frequent coded words are:",
        references: words.slice(1, 4),
        about: { counts: counts.slice(1, 5) },
      };
    };
  },
};

const TASK = "This text is coded. Leave out the dots and find the words that it has most often.";

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];

/** Words of the shortest text: enough for the first five ranks to differ. */
const LEAST = 200;

/** How often words of every rank stand in a text of `total`: ⌊total · rank^-2 / ζ(2)⌋. */
export function zipfCounts(total: number, ranks: number): number[] {
  return Array.from({ length: ranks }, (_, i) => Math.floor(total / (i + 1) ** 2 / ZETA_2));
}

const ZETA_2 = Math.PI ** 2 / 6;
