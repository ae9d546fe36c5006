/**
 * How samples of RULER (arXiv:2404.06654) are made here: from its description, in words of our own, so that scores compare
 * with each other and not with its files'. Every sample is filled by itself, and no choice depends on other samples.
 */
import { RunError } from "../../error.ts";
import type { ModelText } from "../../text/types.ts";
import { Dice } from "../dice.ts";
import { mostWithin } from "../prompt/fill.ts";
import type { Haystack } from "../haystack/haystack.ts";
import { promptTokens } from "../prompt/assemble.ts";
import type { Json, Sample, Scoring, Span } from "../sample.ts";
import type { QaItem } from "./qa_item.ts";

/** A prompt with some units in it: lines, words, documents. */
export interface Draft {
  readonly context: string;
  readonly question: string;
  /** Beginning of the answer. */
  readonly prefix: string;
  readonly references: readonly string[];
  readonly gold?: readonly Span[];
  readonly about?: { readonly [name: string]: Json };
}

export interface DraftRequest {
  /** Tokens of prompt and answer. */
  readonly length: number;
  readonly index: number;
  /** Dice for one decision of this sample. */
  readonly dice: (what: string) => Dice;
  readonly sources: RulerSources;
}

/** What the options say that samples are made of. */
export interface RulerSources {
  readonly essay: Haystack;
  /** Questions with their documents; null: invented ones. */
  readonly questions: readonly QaItem[] | null;
}

/** One of the thirteen tasks. */
export interface Recipe {
  readonly metric: Scoring["metric"];
  readonly newTokens: number;
  /** Whether its needles are in prose. @default false */
  readonly hasEssay?: boolean;
  /**
   * @returns What makes the prompt with so many units. Everything that does not depend on their number is decided before.
   */
  prepare(request: DraftRequest): (units: number) => Draft;
  /** Most units that so many tokens can hold. */
  mostUnits(length: number): number;
}

export interface RulerRequest {
  readonly text: ModelText;
  readonly name: string;
  readonly recipe: Recipe;
  readonly sources: RulerSources;
  readonly length: number;
  readonly seed: number;
  readonly index: number;
  readonly newTokens: number;
  /** Without the model's chat template. */
  readonly raw: boolean;
}

/** @throws {RunError} when the length has no room for the task. */
export function rulerSample(request: RulerRequest): Sample {
  const { text, name, recipe, sources, length, seed, index, newTokens } = request;
  const dice = (what: string) => new Dice(seed, `ruler/${name}/${length}/${index}/${what}`);
  const draft = recipe.prepare({ length, index, dice, sources });
  const make = (units: number) => sampleOf(request, draft(units));
  const tokens = (units: number) => promptTokens(text, make(units));
  const units = mostWithin(length - newTokens, recipe.mostUnits(length), tokens);
  if (units === null) {
    throw new RunError(
      `Cannot make a prompt of ruler/${name} in ${length} tokens: expected at least ${tokens(0) + newTokens}`,
    );
  }
  return make(units);
}

function sampleOf({ recipe, index, newTokens, raw }: RulerRequest, draft: Draft): Sample {
  return {
    key: `${index}`,
    depth: null,
    context: draft.context,
    turns: [{
      question: `\n\n${draft.question}`,
      answerPrefix: (raw ? "\n" : "") + draft.prefix,
      maxNewTokens: newTokens,
      scoring: { metric: recipe.metric, references: draft.references },
    }],
    chat: raw ? "raw" : "model",
    ...(draft.gold && { gold: draft.gold }),
    ...(draft.about && { about: draft.about }),
  };
}
