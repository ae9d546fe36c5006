/** BLEU-4 of one text against one reference, as NLTK's `sentence_bleu` with smoothing method 4 computes it. */

const ORDERS = 4, K = 5;

/** 0 to 1; 0 when not even a word is shared. */
export function bleu(found: readonly string[], wanted: readonly string[]): number {
  let missing = 0, logarithm = 0;
  for (let n = 1; n <= ORDERS; n++) {
    const { shared, total } = sharedRuns(found, wanted, n);
    if (n === 1 && shared === 0) return 0;
    // Orders without a match get less and less: 1/2, 1/4, ... of a match, scaled by the length of the text.
    const smoothed = shared > 0 || found.length <= 1 ? shared : Math.log(found.length) / (2 ** ++missing * K);
    if (smoothed === 0) continue; // a text of one word has no longer runs
    logarithm += Math.log(smoothed / Math.max(1, total)) / ORDERS;
  }
  const brevity = found.length > wanted.length ? 1 : Math.exp(1 - wanted.length / found.length);
  return brevity * Math.exp(logarithm);
}

/** Runs of `n` words of the text, and how many of them the reference has too, each as often at most. */
function sharedRuns(found: readonly string[], wanted: readonly string[], n: number): { shared: number; total: number } {
  const left = new Map<string, number>();
  for (const run of runs(wanted, n)) left.set(run, (left.get(run) ?? 0) + 1);
  let shared = 0, total = 0;
  for (const run of runs(found, n)) {
    total++;
    const count = left.get(run) ?? 0;
    if (count === 0) continue;
    left.set(run, count - 1);
    shared++;
  }
  return { shared, total };
}

function* runs(words: readonly string[], n: number): Generator<string> {
  for (let i = 0; i + n <= words.length; i++) yield words.slice(i, i + n).join("\0");
}
