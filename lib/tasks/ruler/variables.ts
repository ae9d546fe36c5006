/** `vt`: which variables hold a value, at the end of chains of assignments that are scattered over noise. */
import type { Dice } from "../dice.ts";
import { NOISE_LINE } from "../haystack/haystack.ts";
import type { Recipe } from "./recipe.ts";
import { different } from "./words.ts";
import { insertAt, joinPieces, type Piece } from "./text.ts";

/** Assignments behind the first one. */
const HOPS = 4;
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

export const variables: Recipe = {
  metric: "match_all",
  newTokens: 30,
  mostUnits: (length) => Math.ceil(length / 8),
  prepare({ dice, length }) {
    const example = dice("example"), lines = length < 4096 ? 4 : 12;
    const small = puzzle(example, 3, Array.from({ length: lines }, () => ({ text: NOISE_LINE })));
    const intro = `${TASK}\n\nAn example:\n\n${small.text}\n\n${small.question}\n${small.prefix} ${
      small.names.join(", ")
    }.\n\nNow the text itself:\n\n`;
    return (units) => {
      const { text, gold, question, prefix, names } = puzzle(
        dice("puzzle"),
        5,
        Array.from({ length: units }, () => ({ text: NOISE_LINE })),
        intro.length,
      );
      return { context: intro + text, question, prefix, references: names, gold };
    };
  },
};

const TASK =
  "Follow the assignments in this text, wherever they stand: a variable that is set to another one holds the same value.";

interface Puzzle extends ReturnType<typeof joinPieces> {
  readonly question: string;
  readonly prefix: string;
  /** Of the chain that is asked for, in its order. */
  readonly names: readonly string[];
}

/** @param letters  Of every name. */
function puzzle(dice: Dice, letters: number, noise: readonly Piece[], from = 0): Puzzle {
  const chain = different(HOPS + 1, () => Array.from({ length: letters }, () => dice.pick(LETTERS)).join(""));
  const value = 10_000 + dice.below(89_999);
  const assignments = chain.map((name, i): Piece => ({
    text: `SET ${name} = ${i === 0 ? value : chain[i - 1]}`,
    gold: true,
  }));
  const all = noise.length + assignments.length;
  const at = dice.shuffled(Array.from({ length: all }, (_, i) => i)).slice(0, assignments.length).sort((a, b) => a - b);
  return {
    ...joinPieces(insertAt(noise, assignments, at.map((place, i) => place - i)), "\n", from),
    question: `Which variables hold the value ${value}? There are ${chain.length} of them.`,
    prefix: `The ${chain.length} variables that hold the value ${value} are:`,
    names: chain,
  };
}
