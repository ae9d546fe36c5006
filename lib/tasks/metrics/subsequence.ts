/** Longest common subsequences. */

export interface Subsequence {
  /** Places in `a`, the last one first. */
  readonly places: readonly number[];
  /** Steps back through the table from its end to its edge, and one more. */
  readonly steps: number;
}

/**
 * A longest common subsequence, read off the table of lengths from its end.
 *
 * @param onTie  The text of which a word is given up where both ways are as good: programs differ in it, and so in the words.
 */
export function longestCommon<T>(a: readonly T[], b: readonly T[], onTie: "a" | "b"): Subsequence {
  const width = b.length + 1, length = lengths(a, b);
  const places: number[] = [];
  let i = a.length, j = b.length, steps = 1;
  for (; i > 0 && j > 0; steps++) {
    const withoutA = length[(i - 1) * width + j]!, withoutB = length[i * width + j - 1]!;
    if (a[i - 1] === b[j - 1]) {
      places.push(--i);
      j--;
    } else if (withoutA > withoutB || (withoutA === withoutB && onTie === "a")) i--;
    else j--;
  }
  return { places, steps };
}

export function longestCommonLength<T>(a: readonly T[], b: readonly T[]): number {
  return lengths(a, b).at(-1)!;
}

/** Of the longest common subsequences of `a[..i]` and `b[..j]`: [a.length + 1, b.length + 1]. */
function lengths<T>(a: readonly T[], b: readonly T[]): Uint32Array {
  const width = b.length + 1;
  const length = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      length[at] = a[i - 1] === b[j - 1] ? length[at - width - 1]! + 1 : Math.max(length[at - width]!, length[at - 1]!);
    }
  }
  return length;
}
