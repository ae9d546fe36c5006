/** rougeLsum of Google's `rouge_score`, with which SCBench scores summaries: lines are sentences, nothing is stemmed. */
import { longestCommon } from "./subsequence.ts";

/** F of two texts, 0 to 1. */
export function rougeLsum(answer: string, reference: string): number {
  const wanted = lines(reference), found = lines(answer);
  const wantedWords = wanted.flat(), foundWords = found.flat();
  if (wantedWords.length === 0 || foundWords.length === 0) return 0;
  const left = [tally(wantedWords), tally(foundWords)];
  let hits = 0;
  for (const line of wanted) {
    for (const word of unionOfCommon(line, found)) {
      // A word counts as often as both texts have it.
      if (left.some((counts) => (counts.get(word) ?? 0) === 0)) continue;
      for (const counts of left) counts.set(word, counts.get(word)! - 1);
      hits++;
    }
  }
  const precision = hits / foundWords.length, recall = hits / wantedWords.length;
  return hits === 0 ? 0 : 2 * precision * recall / (precision + recall);
}

/** Words of every line: runs of lower-case ASCII letters and digits. */
function lines(text: string): string[][] {
  return text.split("\n").filter((line) => line !== "").map((line) => line.toLowerCase().match(/[a-z0-9]+/g) ?? []);
}

function tally(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Words of a line that are in its longest common subsequence with any of the others. */
function unionOfCommon(line: readonly string[], others: readonly (readonly string[])[]): string[] {
  const places = new Set(others.flatMap((other) => longestCommon(line, other, "a").places));
  return line.filter((_, i) => places.has(i));
}
