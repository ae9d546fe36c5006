/** How far a compressed cache's next-token distribution is from the full cache's, for one step. Natural logarithms. */
import { largest, logSumExp } from "../engine/logprobs.ts";

/** p is the full cache's distribution, q the compressed one's, y the token that follows. */
export interface StepMeasure {
  /** KL(p || q) = sum of p (ln p - ln q). */
  readonly kl: number;
  /** Whether both have the same most likely token. */
  readonly top1: boolean;
  /** Share of p's five most likely tokens that are among q's. */
  readonly top5: number;
  /** Probability of p's most likely token minus that of its second: small ones are near ties. */
  readonly margin: number;
  /** -ln p(y) and -ln q(y). */
  readonly nllFull: number;
  readonly nll: number;
}

/**
 * Compare two distributions given as logits. Sums are in float64.
 *
 * @param full        f32 [vocab_size]
 * @param compressed  f32 [vocab_size]
 * @param target      Token that follows.
 */
export function compareLogits(full: Float32Array, compressed: Float32Array, target: number): StepMeasure {
  const zFull = logSumExp(full), z = logSumExp(compressed);
  let kl = 0;
  for (let i = 0; i < full.length; i++) {
    const logP = full[i]! - zFull;
    if (logP > NEGLIGIBLE) kl += Math.exp(logP) * (logP - (compressed[i]! - z));
  }
  const best = largest(full, 5), own = largest(compressed, 5);
  const probability = (i: number) => Math.exp(full[i]! - zFull);
  return {
    kl: Math.max(0, kl), // what is left below zero is rounding
    top1: best[0] === own[0],
    top5: best.filter((i) => own.includes(i)).length / best.length,
    margin: probability(best[0]!) - (best.length > 1 ? probability(best[1]!) : 0),
    nllFull: zFull - full[target]!,
    nll: z - compressed[target]!,
  };
}

/** ln of a probability that changes no sum: exp(-46) is 1e-20, times a vocabulary of a million. */
const NEGLIGIBLE = -46;
