/** Patterns of tokenizer.json are written for Oniguruma; JavaScript spells a few things differently. */

import { RunError } from "../error.ts";

const WORD = "\\p{L}\\p{M}\\p{N}\\p{Pc}";

/** Unicode meaning of the shorthand classes, which JavaScript reads as ASCII or nearly so. */
const OUTSIDE_CLASS: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  w: `[${WORD}]`,
  W: `[^${WORD}]`,
};
const INSIDE_CLASS: Readonly<Record<string, string>> = { ...OUTSIDE_CLASS, w: WORD, W: "\\W" };

/** Characters that may be escaped under the `u` flag; before any other non-letter Oniguruma ignores the backslash. */
const ESCAPABLE = /[\^$\\.*+?()[\]{}|/a-zA-Z0-9]/;

/**
 * JavaScript pattern, global and Unicode-aware, of an Oniguruma pattern.
 *
 * @throws {RunError} when the pattern uses something JavaScript has no match for (possessive and atomic groups).
 */
export function patternOfOniguruma(source: string): RegExp {
  let translated = "";
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i]!;
    if (char !== "\\") {
      if (char === "[") inClass = true;
      if (char === "]") inClass = false;
      translated += char;
      continue;
    }
    const escaped = source[++i] ?? "";
    const shorthand = (inClass ? INSIDE_CLASS : OUTSIDE_CLASS)[escaped];
    if (shorthand !== undefined) translated += shorthand;
    else if (ESCAPABLE.test(escaped) || (inClass && escaped === "-")) translated += `\\${escaped}`;
    else translated += escaped;
  }
  try {
    return new RegExp(translated, "gmu"); // m: in Oniguruma ^ and $ always mean lines
  } catch {
    throw new RunError(
      `Cannot load the tokenizer: a pattern must have a JavaScript equivalent: current value is ${
        JSON.stringify(source)
      }`,
    );
  }
}

/** Pattern that matches a text literally. */
export function patternOfText(text: string): RegExp {
  return new RegExp(text.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&"), "gu");
}
