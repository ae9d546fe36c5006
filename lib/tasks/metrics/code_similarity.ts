/** How alike two lines of code are, 0 to 1, as `fuzzywuzzy` computes it: with python-Levenshtein installed, and without. */
import { pythonRound } from "./python_text.ts";
import { longestCommonLength } from "./subsequence.ts";

/** `indel`: insertions and deletions, 2 LCS / (a + b); `difflib`: Python's longest matching blocks. They differ. */
export const CODE_SIMILARITIES = ["indel", "difflib"] as const;
export type CodeSimilarity = typeof CODE_SIMILARITIES[number];

/** A whole percentage over 100. */
export function codeSimilarity(found: string, wanted: string, kind: CodeSimilarity): number {
  const a = [...found], b = [...wanted];
  if (a.length === 0 || b.length === 0) return 0;
  const same = kind === "indel" ? longestCommonLength(a, b) : matching(a, b);
  return pythonRound(100 * (2 * same / (a.length + b.length))) / 100;
}

/** Characters in the longest matching block, and in those on both sides of it, and so on. */
function matching(a: readonly string[], b: readonly string[]): number {
  const places = placesOf(b);
  const within = (aFrom: number, aTo: number, bFrom: number, bTo: number): number => {
    const block = longestBlock({ a, b, places }, aFrom, aTo, bFrom, bTo);
    if (block.length === 0) return 0;
    return block.length + within(aFrom, block.a, bFrom, block.b) +
      within(block.a + block.length, aTo, block.b + block.length, bTo);
  };
  return within(0, a.length, 0, b.length);
}

/** Where every character is; in texts of 200 characters and more, those that make up over 1 % of it are passed over. */
function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  b.forEach((letter, j) => places.set(letter, [...places.get(letter) ?? [], j]));
  const most = Math.floor(b.length / 100) + 1;
  if (b.length < 200) return places;
  return new Map([...places].filter(([, list]) => list.length <= most));
}

interface Texts {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly places: ReadonlyMap<string, readonly number[]>;
}

/** The earliest of the longest common runs; then longer by what was passed over. */
function longestBlock({ a, b, places }: Texts, aFrom: number, aTo: number, bFrom: number, bTo: number) {
  let best = { a: aFrom, b: bFrom, length: 0 };
  let above = new Map<number, number>(); // lengths of runs that end in front of this character of a, by their end in b
  for (let i = aFrom; i < aTo; i++) {
    const row = new Map<number, number>();
    for (const j of places.get(a[i]!) ?? []) {
      if (j < bFrom || j >= bTo) continue;
      const length = (above.get(j - 1) ?? 0) + 1;
      row.set(j, length);
      if (length > best.length) best = { a: i - length + 1, b: j - length + 1, length };
    }
    above = row;
  }
  while (best.a > aFrom && best.b > bFrom && a[best.a - 1] === b[best.b - 1]) {
    best = { a: best.a - 1, b: best.b - 1, length: best.length + 1 };
  }
  const goesOn = () => best.a + best.length < aTo && best.b + best.length < bTo;
  while (goesOn() && a[best.a + best.length] === b[best.b + best.length]) best.length++;
  return best;
}
