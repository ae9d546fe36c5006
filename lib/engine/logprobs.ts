/** One candidate for the next token. */
export interface TokenLogprob {
  readonly id: number;
  /** Natural logarithm of its probability at temperature 1. */
  readonly logprob: number;
}

/**
 * The most likely next tokens. Ties go to the lower id.
 *
 * @param logits  f32 [vocab_size]
 * @param count   How many of them.
 */
export function topLogprobs(logits: Float32Array, count: number): TokenLogprob[] {
  const normaliser = logSumExp(logits);
  return largest(logits, count).map((id) => ({ id, logprob: logits[id]! - normaliser }));
}

/** Ids of the largest logits, best first. Ties go to the lower id. */
export function largest(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && logits[id]! <= logits[best.at(-1)!]!) continue;
    let place = best.length;
    while (place > 0 && logits[best[place - 1]!]! < logits[id]!) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Log probability of one token at temperature 1. */
export function logprobOf(logits: Float32Array, id: number): number {
  return logits[id]! - logSumExp(logits);
}

/** Logarithm of the sum of exponentials, in float64. */
export function logSumExp(logits: Float32Array): number {
  let max = -Infinity;
  for (const value of logits) max = Math.max(max, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - max);
  return max + Math.log(sum);
}
