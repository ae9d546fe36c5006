/**
 * One prompt of a benchmark, before anything is tokenised. Generators make it, loaders of downloaded files convert into it, and
 * everything behind them (prompts, runs, scores, reports) reads only this.
 */
import type { MetricName } from "./metrics/registry.ts";

/** `native`: generated here, in words of our own; `official`: files that the benchmark's authors made. Never in one table. */
export type DataMode = "native" | "official";

/** JSON data. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What a score depends on besides the answer; kept with every answer, so that it can be scored again. */
export interface Scoring {
  readonly metric: MetricName;
  readonly references: readonly string[];
  /** What else the metric wants: classes, options, other keys. @default {} */
  readonly details?: { readonly [name: string]: Json };
}

/** A question about the context. */
export interface Turn {
  /** Behind the context, white space between them included. */
  readonly question: string;
  /** Beginning of the assistant's answer, white space in front of it included; may be empty. */
  readonly answerPrefix: string;
  readonly maxNewTokens: number;
  readonly scoring: Scoring;
  /** An answer ends in front of the first of these that it has behind its first letter. @default none */
  readonly stop?: readonly string[];
  /** Text whose log probability behind the prompt is measured beside the answer: the key of a needle. @default none */
  readonly expected?: string;
  /** What a golden history says that the answer was. @default the first reference */
  readonly golden?: string;
  /** Where tasks mix: which one this is, such as `kv`. @default none */
  readonly subtask?: string;
}

/** A piece of the context, in UTF-16 units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Sample {
  /** Unique in its task, length and seed: `3`, or `3/50` at a depth. With task and seed it can be made again alone. */
  readonly key: string;
  /** Where the needle is, in percent of the haystack's tokens, as asked for; null where there is no such thing. */
  readonly depth: number | null;
  /** The part that is compressed, and shared by all turns. Prompt = context + question + answer prefix. */
  readonly context: string;
  /** At least one. */
  readonly turns: readonly Turn[];
  /** `model`: one user message in the model's chat template; `raw`: as it is; `prerendered`: the template is in the text. */
  readonly chat: "model" | "raw" | "prerendered";
  /** What the answer rests on: reports say how many of these tokens each layer kept. @default none */
  readonly gold?: readonly Span[];
  /** For people: realised depth, source, number of distractors. @default {} */
  readonly about?: { readonly [name: string]: Json };
}
