/** Where in a haystack needles go. */
import type { Span } from "../sample.ts";
import { sentenceEnds } from "../sentences.ts";
import type { TokenMap } from "../prompt/token_map.ts";

/** What a needle does not cut in two. */
export const SNAPS = ["sentence", "word", "token"] as const;

/**
 * Places between sentences, words or tokens, ascending; a haystack's beginning is one too. Where there is no end of a
 * sentence, ends of words serve.
 *
 * @param words  Each with the white space behind it.
 */
export function placesBetween(words: readonly string[], snap: typeof SNAPS[number], tokens: TokenMap): number[] {
  if (snap === "token") return [...tokens.ends];
  const offsets = [0]; // in front of every word, and of all
  for (const word of words) offsets.push(offsets.at(-1)! + word.length);
  const ends = snap === "sentence" ? sentenceEnds(words) : [];
  return ends.length === 0 ? offsets : [0, ...ends.map((end) => offsets[end]!)];
}

/**
 * The place nearest to a depth, of two equally near ones the earlier.
 *
 * @param depth  In percent of the haystack's tokens.
 */
export function placeAt(depth: number, places: readonly number[], tokens: TokenMap): number {
  const wanted = tokens.offset(depth / 100 * tokens.tokens);
  return places.reduce((best, place) => Math.abs(place - wanted) < Math.abs(best - wanted) ? place : best);
}

export interface Placed {
  readonly text: string;
  /** In UTF-16 units of the haystack. */
  readonly place: number;
}

/** @returns The haystack with all needles in it, those of one place in their order, and where each of them is. */
export function hide(haystack: string, needles: readonly Placed[]): { text: string; spans: Span[] } {
  const spans: Span[] = [];
  let text = "", from = 0;
  for (const [i, needle] of [...needles.entries()].sort(([, a], [, b]) => a.place - b.place)) {
    text += haystack.slice(from, needle.place);
    from = needle.place;
    if (text !== "" && !/\s$/.test(text)) text += " ";
    spans[i] = { from: text.length, to: text.length + needle.text.length };
    text += `${needle.text} `;
  }
  return { text: (text + haystack.slice(from)).trimEnd(), spans };
}
