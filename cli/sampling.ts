// deno-lint-ignore-file explicit-module-boundary-types -- the inferred type of an option is the type of its value
/** The options that say how tokens are drawn, shared by generate and chat. */
import { Option } from "@commander-js/extra-typings";
import { GREEDY, type Sampler } from "../lib/native/sampler.ts";
import { integer, number } from "./options.ts";

export const temperatureOption = () =>
  new Option("--temperature <number>", "0 = always the most likely token").default(0).argParser(
    number("--temperature", { max: 100 }),
  );

export const topKOption = () =>
  new Option("--top-k <count>", "draw from the most likely tokens only, 0 = off").default(0).argParser(
    integer("--top-k"),
  );

export const topPOption = () =>
  new Option("--top-p <share>", "draw from the tokens that hold this share of probability, 1 = off").default(1)
    .argParser(number("--top-p", { max: 1 }));

export const minPOption = () =>
  new Option("--min-p <share>", "leave out tokens below this share of the best one's probability, 0 = off").default(0)
    .argParser(number("--min-p", { max: 1 }));

export const repeatPenaltyOption = () =>
  new Option("--repeat-penalty <number>", "make recent tokens less likely, 1 = off").default(1).argParser(
    number("--repeat-penalty", { min: 0.01, max: 100 }),
  );

export const seedOption = () =>
  new Option("--seed <number>", "seed of the draw; the same seed gives the same text").default(0).argParser(
    integer("--seed", { max: Number.MAX_SAFE_INTEGER }),
  );

export interface SamplingFlags {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repeatPenalty: number;
  readonly seed: number;
}

export function samplerFrom({ temperature, topK, topP, minP, repeatPenalty, seed }: SamplingFlags): Sampler {
  return { ...GREEDY, temperature, topK, topP, minP, repeatPenalty, seed: BigInt(seed) };
}
