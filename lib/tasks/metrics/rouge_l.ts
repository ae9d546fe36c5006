/**
 * ROUGE-L of the PyPI package `rouge` 1.0.1, with which LongBench scores summaries: distinct words, and the union of the longest
 * common subsequences of all pairs of sentences.
 */
import { pythonWords } from "./python_text.ts";
import { longestCommon } from "./subsequence.ts";

/**
 * F of two texts, 0 to 1.
 *
 * @param limit  Python's recursion limit, 1000 unless somebody changed it: the package follows a common subsequence by calling
 *               itself, so that two long sentences make it fail, which LongBench counts as 0. Null for no limit.
 */
export function rougeL(answer: string, reference: string, limit: number | null): number {
  const found = sentences(answer), wanted = sentences(reference);
  if (found.length === 0 || wanted.length === 0) return 0; // the package fails
  const shared = new Set<string>();
  for (const one of wanted) {
    for (const other of found) {
      const words = one.split(" ");
      const { places, steps } = longestCommon(words, other.split(" "), "b");
      if (limit !== null && steps > limit - OUTER_CALLS) return 0;
      places.forEach((place) => shared.add(words[place]!));
    }
  }
  const recall = shared.size / distinct(wanted), precision = shared.size / distinct(found);
  return 2 * precision * recall / (precision + recall + 1e-8);
}

/** Calls that are under way when LongBench's program reaches the one that calls itself. */
const OUTER_CALLS = 9;

/** Parts between full stops, white space squeezed; the parts of `..` are none. */
function sentences(text: string): string[] {
  return text.split(".").filter((part) => part !== "").map((part) => pythonWords(part).join(" "));
}

function distinct(sentences: readonly string[]): number {
  return new Set(sentences.join(" ").split(" ")).size;
}
