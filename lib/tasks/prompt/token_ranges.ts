/** From places in a text to places among its tokens. */
import type { Tokenizer } from "../../text/types.ts";
import type { Span } from "../sample.ts";

/** Tokens from <= i < to. */
export interface TokenRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Tokens that hold any part of the spans.
 *
 * The text in front of a border is tokenised again, so this costs two passes over it for every span.
 *
 * @param ids    Tokens of the whole text, BOS included where the tokenizer adds it.
 * @param spans  In UTF-16 units of the text.
 */
export function tokenRanges(
  tokenizer: Tokenizer,
  text: string,
  ids: readonly number[],
  spans: readonly Span[],
): TokenRange[] {
  return spans.map((span) => ({
    from: tokensBefore(tokenizer, text, ids, span.from).whole,
    to: tokensBefore(tokenizer, text, ids, span.to).touched,
  }));
}

/** How many tokens lie in front of a place, whole, and counting the one that reaches over it. */
export function tokensBefore(
  tokenizer: Tokenizer,
  text: string,
  ids: readonly number[],
  at: number,
): { whole: number; touched: number } {
  const part = tokenizer.encode(text.slice(0, at));
  let whole = 0;
  while (whole < part.length && part[whole] === ids[whole]) whole++;
  // Cut off there, the text's last word is other tokens than in its place: as many count as are needed for its letters.
  const letters = (list: readonly number[]) => tokenizer.decode(list, { special: true }).length;
  const wanted = letters(part.slice(whole));
  let touched = whole;
  while (touched < ids.length && letters(ids.slice(whole, touched)) < wanted) touched++;
  return { whole, touched };
}

/** What is left of ranges when tokens from <= i < to are cut out. */
export function cutOut(ranges: readonly TokenRange[], { from, to }: TokenRange): TokenRange[] {
  const moved = (i: number) => i <= from ? i : Math.max(from, i - (to - from));
  return ranges.map((range) => ({ from: moved(range.from), to: moved(range.to) })).filter(({ from, to }) => from < to);
}
