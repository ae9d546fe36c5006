/** Grids of needles that people compare with each other. */
import type { Json } from "../sample.ts";

export interface NiahPreset {
  readonly lengths: readonly string[];
  /** Haystacks per length. */
  readonly samples: number;
  readonly options: { readonly [name: string]: Json };
}

/** Ten lengths, evenly spread, in words of the haystack. */
const LONG = [2048, 10_922, 19_797, 28_672, 37_546, 46_421, 55_296, 64_170, 73_045, 81_920];
const SHORT = [512, 2730, 4949, 7168, 9386, 11_605, 13_824, 16_042, 18_261, 20_480];

/** As the RocketKV paper runs it (arXiv:2502.14051): ten depths, three haystacks, no chat template. The wording is ours. */
function paper(words: readonly number[], digits: number): NiahPreset {
  return {
    lengths: words.map((count) => `${count}w`),
    samples: 3,
    options: { depths: "linear:10", key: `digits:${digits}`, snap: "word", raw: true, newTokens: 128 },
  };
}

/** By name. */
export const NIAH_PRESETS = {
  "rocketkv-paper": paper(LONG, 7), // for models of 128K tokens
  "rocketkv-paper-32k": paper(SHORT, 7),
  "rocketkv-paper-32k-64digits": paper(SHORT, 64),
} as const satisfies Record<string, NiahPreset>;
