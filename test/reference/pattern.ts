/** What the rows of a sparse prefill see (`rkv_pattern_kind`; MInference, arXiv:2407.02490). */

import type { Pattern } from "../../lib/methods/pattern.ts";
import { dot, range, type Row } from "./ops.ts";
import { diagonals, votes } from "./score.ts";

/** Rows that see the same slots, and keys that are chosen together. */
const BLOCK = 64;

/** Whether a slot is seen by the rows of the block that begins with slot `begin`, were it not in their future. */
type Sees = (slot: number, begin: number) => boolean;

/**
 * Slots that every row sees, [rows][ascending].
 *
 * @param q  [rows] queries of one query head; the last slots are theirs.
 * @param k  [slots] keys of its KV head.
 */
export function seenSlots(pattern: Pattern, q: Row[], k: Row[]): number[][] {
  const sees = KINDS[pattern.kind](pattern, q, k);
  return range(k.length - q.length, k.length).map((self) =>
    range(0, self + 1).filter((slot) => sees(slot, self - self % BLOCK))
  );
}

const KINDS: Record<Pattern["kind"], (pattern: Pattern, q: Row[], k: Row[]) => Sees> = {
  dense: () => () => true,

  a_shape: ({ first, second }) => (slot, begin) => slot < first || slot > begin - second,

  vertical_slash: ({ first, second }, q, k) => {
    const voters = q.slice(-BLOCK).map((head) => [head]);
    const columns = best(pin(votes(voters, k)[0]!, 30), Math.max(first, 30));
    const distances = [...best(pin(diagonals(voters, k)[0]!, 100), Math.max(second, 50))];
    return (slot, begin) => columns.has(slot) || distances.some((o) => slot >= begin - o && slot < begin + BLOCK - o);
  },

  block: ({ first }, q, k) => {
    const before = k.length - q.length;
    const chosen = (begin: number) => {
      const rows = q.slice(Math.max(begin - before, 0), begin + BLOCK - before);
      const score = range(0, begin / BLOCK + 1).map((b) => dot(mean(rows), mean(k.slice(b * BLOCK, (b + 1) * BLOCK))));
      score[begin / BLOCK] = Infinity;
      return best(Float64Array.from(score), first);
    };
    const lists = range(0, Math.ceil(k.length / BLOCK)).map((b) =>
      b * BLOCK + BLOCK > before ? chosen(b * BLOCK) : null
    );
    return (slot, begin) => lists[begin / BLOCK]!.has(Math.floor(slot / BLOCK));
  },
};

/** Indices of the `n` highest; of equals the lower one. */
function best(score: Row, n: number): Set<number> {
  return new Set(
    range(0, score.length).sort((a, b) => a === b ? 0 : score[a] === score[b] ? a - b : score[b]! - score[a]!).slice(
      0,
      n,
    ),
  );
}

/** The first `n` come before all others. */
function pin(score: Row, n: number): Row {
  return score.map((x, i) => i < n ? Infinity : x);
}

function mean(rows: Row[]): Row {
  return rows.reduce((a, b) => a.map((x, i) => x + b[i]!)).map((x) => x / rows.length);
}
