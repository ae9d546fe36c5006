/** Whether an answer has the key, and how much of it. */

/** The key occurs in the answer: lower case, without punctuation and articles, white space squeezed. */
export function found(answer: string, key: string): boolean {
  return normalise(answer).includes(normalise(key));
}

/** Length of the longest piece of the key that occurs in the answer, over the length of the key: 0 to 1. */
export function partial(answer: string, key: string): number {
  let longest = 0;
  let above = new Uint32Array(key.length + 1); // lengths of common suffixes of answer[..i] and key[..j]
  for (const letter of answer) {
    const row = new Uint32Array(key.length + 1);
    for (let j = 1; j <= key.length; j++) {
      if (key[j - 1] !== letter) continue;
      row[j] = above[j - 1]! + 1;
      longest = Math.max(longest, row[j]!);
    }
    above = row;
  }
  return longest / key.length;
}

function normalise(text: string): string {
  return text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "").replace(/\b(a|an|the)\b/g, " ").split(/\s+/)
    .filter((word) => word !== "").join(" ");
}
