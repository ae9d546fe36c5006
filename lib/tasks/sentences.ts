/** Where words and sentences of a text begin and end. */

/** Runs of what is not white space, each with the white space behind it. */
export function wordsOf(text: string): string[] {
  return text.match(/\S+\s*/g) ?? [];
}

/** Numbers of words that make whole sentences: a text may be cut after that many. */
export function sentenceEnds(words: readonly string[]): number[] {
  return words.flatMap((word, i) => ENDS.test(word) && !SHORTENED.test(word) ? [i + 1] : []);
}

const ENDS = /[.!?]["'\u201d\u2019)\]]*\s*$/;
const SHORTENED = /^\W*(Mr|Mrs|Ms|Dr|St|No|vs|e\.g|i\.e)\.\s*$/;
