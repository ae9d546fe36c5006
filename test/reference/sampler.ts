/** Sampling in float64: which tokens may be drawn, and with which probability. */

import type { Sampler } from "../../lib/native/sampler.ts";

/** Probability of every token after penalty, temperature, top-k, top-p and min-p. Greedy: 1 for one token. */
export function distribution(logits: ArrayLike<number>, history: readonly number[], s: Sampler): Map<number, number> {
  const recent = new Set(s.repeatLastN > 0 ? history.slice(-s.repeatLastN) : []);
  const ranked = Array.from(logits, (logit, id) => {
    const penalised = logit > 0 ? logit / s.repeatPenalty : logit * s.repeatPenalty;
    return { id, logit: recent.has(id) ? penalised : logit };
  }).sort((a, b) => b.logit - a.logit || a.id - b.id);
  if (s.temperature === 0) return new Map([[ranked[0]!.id, 1]]);

  const weighted = ranked.slice(0, s.topK > 0 ? s.topK : undefined)
    .map(({ id, logit }) => ({ id, weight: Math.exp((logit - ranked[0]!.logit) / s.temperature) }));
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const kept: typeof weighted = [];
  let mass = 0;
  for (const token of weighted) {
    const enough = mass >= s.topP * total || token.weight < s.minP * weighted[0]!.weight;
    if (kept.length > 0 && enough) break;
    kept.push(token);
    mass += token.weight;
  }
  return new Map(kept.map(({ id, weight }) => [id, weight / mass]));
}
