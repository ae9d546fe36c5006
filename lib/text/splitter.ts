/** Pre-tokenization: cutting text into words before byte-pair encoding, which never joins across words. */

/**
 * Words of a stretch of text, in order.
 *
 * @param text     Text between two added tokens.
 * @param atStart  Whether it stands at the very beginning of what is encoded.
 */
export type Splitter = (text: string, atStart: boolean) => string[];

/** One splitter after the other, each applied to every word of the one before. */
export function inSequence(splitters: readonly Splitter[]): Splitter {
  const [only] = splitters;
  if (only !== undefined && splitters.length === 1) return only;
  return (text, atStart) =>
    splitters.reduce(
      (words, split) => words.flatMap((word, i) => split(word, atStart && i === 0)),
      [text],
    );
}

/** Matches of a global pattern and the gaps between them, each a word. */
export function splitByPattern(pattern: RegExp): Splitter {
  return (text) => {
    const words: string[] = text.match(pattern) ?? [];
    // Most patterns match everything, which the fast path of match() serves; the lengths tell.
    let matched = 0;
    for (const word of words) matched += word.length;
    return matched === text.length && !words.includes("") ? words : withGaps(text, pattern).map(([word]) => word);
  };
}

/** Only the matches of a global pattern, or only the gaps between them. */
export function keepOnly(pattern: RegExp, kept: "matches" | "gaps"): Splitter {
  return (text) =>
    withGaps(text, pattern).filter(([, isMatch]) => isMatch === (kept === "matches")).map(([word]) => word);
}

/** Digits apart from everything else: one by one, or in runs. */
export function splitDigits(oneByOne: boolean): Splitter {
  return splitByPattern(oneByOne ? /\p{N}/gu : /\p{N}+/gu);
}

/** Where SentencePiece puts its "▁" in front of a text: never, only at the very start, or before every stretch. */
export type SpacePrefix = "never" | "first" | "always";

/** SentencePiece spaces: every space becomes "▁", and `prefix` may put one more in front. */
export function metaspace(prefix: SpacePrefix, split: boolean): Splitter {
  return (text, atStart) => {
    let marked = text.replaceAll(" ", "▁");
    const wanted = prefix === "always" || (prefix === "first" && atStart);
    if (wanted && !marked.startsWith("▁")) marked = `▁${marked}`;
    return split ? marked.match(/▁[^▁]*|[^▁]+/g) ?? [] : [marked];
  };
}

function withGaps(text: string, pattern: RegExp): [word: string, isMatch: boolean][] {
  const words: [string, boolean][] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === "") continue;
    if (match.index > end) words.push([text.slice(end, match.index), false]);
    words.push([match[0], true]);
    end = match.index + match[0].length;
  }
  if (end < text.length) words.push([text.slice(end), false]);
  return words;
}
