/** Fidelity over several prompts, in the numbers that are quoted. */
import { mean, median, quantile, standardError } from "../statistics.ts";
import type { StepMeasure } from "./measures.ts";

/** Nats, shares from 0 to 1, or tokens. */
export interface FidelitySummary {
  readonly steps: number;
  /** Mean KL(full || compressed) with its standard error over prompts; null with one prompt. */
  readonly kl: number;
  readonly klError: number | null;
  readonly klMedian: number;
  readonly klP95: number;
  readonly klMax: number;
  /** Steps where both have the same most likely token; the second leaves out near ties of the full cache. */
  readonly top1: number;
  readonly top1Clear: number | null;
  readonly top5: number;
  /** exp of the mean negative log-likelihood of the continuation, full and compressed. */
  readonly perplexityFull: number;
  readonly perplexity: number;
  /** Mean difference of the negative log-likelihoods with its standard error over prompts. */
  readonly nllDifference: number;
  readonly nllDifferenceError: number | null;
  /** Median over prompts of the steps before the most likely token first differs; all of them where it never does. */
  readonly agreeingSteps: number;
}

/** A margin from which on the full cache's most likely token is not a near tie. */
const CLEAR_MARGIN = 0.1;

/** @param prompts  [prompts][steps], none of them empty. */
export function summarise(prompts: readonly (readonly StepMeasure[])[]): FidelitySummary {
  const all = prompts.flat();
  const kl = all.map((step) => step.kl).toSorted((a, b) => a - b);
  const clear = all.filter((step) => step.margin > CLEAR_MARGIN);
  const difference = (step: StepMeasure) => step.nll - step.nllFull;
  return {
    steps: all.length,
    kl: mean(kl),
    klError: clusteredError(prompts, (step) => step.kl),
    klMedian: quantile(kl, 0.5),
    klP95: quantile(kl, 0.95),
    klMax: kl.at(-1)!,
    top1: mean(all.map((step) => Number(step.top1))),
    top1Clear: clear.length > 0 ? mean(clear.map((step) => Number(step.top1))) : null,
    top5: mean(all.map((step) => step.top5)),
    perplexityFull: Math.exp(mean(all.map((step) => step.nllFull))),
    perplexity: Math.exp(mean(all.map((step) => step.nll))),
    nllDifference: mean(all.map(difference)),
    nllDifferenceError: clusteredError(prompts, difference),
    agreeingSteps: median(prompts.map(agreeing)),
  };
}

function agreeing(steps: readonly StepMeasure[]): number {
  const first = steps.findIndex((step) => !step.top1);
  return first < 0 ? steps.length : first;
}

/** Standard error of a mean whose steps are correlated within a prompt: that of the prompts' means. */
function clusteredError(
  prompts: readonly (readonly StepMeasure[])[],
  value: (step: StepMeasure) => number,
): number | null {
  return standardError(prompts.map((steps) => mean(steps.map(value))));
}
