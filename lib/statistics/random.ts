import { Dice } from "../tasks/dice.ts";

/**
 * Words of 32 random bits, ten times as fast as dice, for resampling: Chris Doty-Humphrey's sfc32. The same label gives the
 * same words.
 */
export function randomWords(label: string): () => number {
  const dice = new Dice(0, label);
  let a = dice.below(2 ** 32), b = dice.below(2 ** 32), c = dice.below(2 ** 32), counter = 1;
  return () => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + word | 0;
    return word >>> 0;
  };
}
