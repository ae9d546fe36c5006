/**
 * RocketKV against others where a step reads as much, as measured and not as asked for: a method's curve over its budgets is
 * read off at RocketKV's point, sample by sample, so that differences are paired.
 */
import type { Recipe } from "../../lib/engine/recipe.ts";
import type { NeedleRecord, TextRecord } from "./samples.ts";
import { between, placeOn } from "../../lib/report/equal_bytes.ts";
import { mean, standardError } from "../../lib/statistics.ts";
import { criticalErrors } from "../../lib/statistics/intervals.ts";

/** RocketKV against one method by one measure. */
export interface Duel {
  readonly ours: number;
  readonly theirs: number;
  /** Mean of theirs less ours (KL) or of ours less theirs (log probability): above 0, RocketKV is better. */
  readonly lead: number;
  readonly leadError: number | null;
  /** At 5 %, by the t-test of the paired differences, and beyond what means nothing. */
  readonly verdict: "better" | "worse" | "undecided";
}

export interface EqualRead {
  readonly method: string;
  /** Tokens that a step of it reads where it is compared: RocketKV's, or the nearest that was measured. */
  readonly read: number;
  readonly nearest: boolean;
  readonly kl: Duel | null;
  readonly keyLogprob: Duel;
}

export interface EqualReads {
  readonly budget: number;
  /** Tokens that a step of RocketKV reads. */
  readonly read: number;
  readonly rivals: readonly EqualRead[];
}

/** A method's samples at one budget. */
interface Point {
  readonly read: number;
  /** KL of every text, log probability of every needle's key. */
  readonly kl: readonly number[];
  readonly keyLogprob: readonly number[];
}

const OURS = "rocketkv";
/** Those that are RocketKV, have no budget, or are no methods to use. */
const NO_RIVALS = ["full", "auto", OURS, "rocketkv-mt", "minference", "oracle", "oracle-group"];

/** @param budget  Of RocketKV. */
export function equalReads(
  budget: number,
  recipes: readonly Recipe[],
  texts: readonly TextRecord[],
  needles: readonly NeedleRecord[],
): EqualReads {
  const noise = texts.length > 0 ? mean(texts.flatMap((text) => text.noise.map(({ kl }) => kl))) : 0;
  const points = recipes.map((recipe, i) => ({ recipe, point: pointOf(i, texts, needles) }));
  const ours =
    points.find(({ recipe }) =>
      recipe.method.name === OURS && recipe.budget.kind === "tokens" && recipe.budget.tokens === budget
    )!.point;
  const rivals = Map.groupBy(
    points.filter(({ recipe }) => !NO_RIVALS.includes(recipe.method.name)),
    ({ recipe }) => recipe.method.name,
  );
  const compared = rivals.entries().map(([method, own]): EqualRead => {
    const theirs = at(own.map(({ point }) => point), ours.read);
    return {
      method,
      read: theirs.read,
      nearest: theirs.read !== ours.read,
      kl: texts.length > 0 ? duel(ours.kl, theirs.kl, -1, noise) : null,
      keyLogprob: duel(ours.keyLogprob, theirs.keyLogprob, 1, LEAST_LOGPROB),
    };
  });
  return { budget, read: ours.read, rivals: [...compared] };
}

function pointOf(i: number, texts: readonly TextRecord[], needles: readonly NeedleRecord[]): Point {
  const spent = (texts.length > 0 ? texts : needles).map(({ arms }) => arms[i]!.spent.measuredBudget);
  return {
    read: mean(spent),
    kl: texts.map(({ arms }) => mean(arms[i]!.measures.map(({ kl }) => kl))),
    keyLogprob: needles.map(({ arms }) => arms[i]!.keyLogprob),
  };
}

/** A curve at a place: between two points in proportion of the logarithms of reads and KL, outside of them the nearest. */
function at(curve: readonly Point[], read: number): Point {
  const place = placeOn(curve, read);
  const { low, high, share } = place;
  const logKl = (kl: number) => Math.log(kl + LEAST_KL);
  return {
    read: place.read,
    kl: low.kl.map((kl, i) => Math.exp(between(logKl(kl), logKl(high.kl[i]!), share))),
    keyLogprob: low.keyLogprob.map((value, i) => between(value, high.keyLogprob[i]!, share)),
  };
}

/** Keeps the logarithm finite, far below anything that is measured. */
const LEAST_KL = 1e-9;

/** Differences of log probabilities up to this one mean nothing: a tenth of a percent of the probability. */
const LEAST_LOGPROB = 0.001;

/**
 * @param sign   1 where more is better, -1 where less is.
 * @param least  A lead up to this one means nothing.
 */
function duel(ours: readonly number[], theirs: readonly number[], sign: 1 | -1, least: number): Duel {
  const leads = ours.map((value, i) => sign * (value - theirs[i]!));
  const lead = mean(leads), leadError = standardError(leads);
  const decided = leadError !== null && Math.abs(lead) > Math.max(least, criticalErrors(leads.length) * leadError);
  const verdict = !decided ? "undecided" : lead > 0 ? "better" : "worse";
  return { ours: mean(ours), theirs: mean(theirs), lead, leadError, verdict };
}
