import { sentenceEnds } from "./haystack.ts";

/**
 * Put needles between the sentences of a haystack.
 *
 * @param words    Each with the white space behind it.
 * @param needles  Sentences.
 * @param depths   Of each needle, in percent of the haystack's letters: the nearest end of a sentence counts, of two equally
 *                 near ones the earlier, and the haystack's beginning is one too.
 * @returns The pieces in order: haystack, needle, haystack, ..., haystack.
 */
export function hide(words: readonly string[], needles: readonly string[], depths: readonly number[]): string[] {
  const ends = [0, ...sentenceEnds(words)];
  const letters = [0]; // in front of every word, and in all
  for (const word of words) letters.push(letters.at(-1)! + word.length);
  const places = needles
    .map((needle, i) => ({ needle, end: nearest(ends, letters, depths[i]! / 100 * letters.at(-1)!) }))
    .sort((a, b) => a.end - b.end);
  const pieces: string[] = [];
  let from = 0;
  for (const { needle, end } of places) {
    pieces.push(words.slice(from, end).join(""), `${needle} `);
    from = end;
  }
  return [...pieces, words.slice(from).join("")];
}

function nearest(ends: readonly number[], letters: readonly number[], wanted: number): number {
  const distance = (end: number) => Math.abs(letters[end]! - wanted);
  return ends.reduce((best, end) => distance(end) < distance(best) ? end : best);
}
