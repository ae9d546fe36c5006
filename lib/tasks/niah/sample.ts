/** A needle sample with its tokens, for callers that run one prompt by themselves. */
import type { ModelText } from "../../text/types.ts";
import { assemble, type PromptTurn } from "../assemble.ts";
import { PROSE } from "../haystack.ts";
import { niahSamples } from "./generate.ts";

export interface NiahRequest {
  /** Tokens of the prompt, everything counted: the result has a few less at most. */
  readonly length: number;
  /** Where the needle goes, in percent of the haystack: at the nearest end of a sentence. */
  readonly depth: number;
  readonly index: number;
  /** @default 0 */
  readonly seed?: number;
  /** Needles of the same form with other keys. @default 0 */
  readonly decoys?: number;
}

export interface NiahSample {
  readonly key: string;
  /** Tokens of the prompt: it ends with the beginning of the answer, so that the key comes next. */
  readonly promptIds: readonly number[];
  /** Tokens of the key behind the prompt. */
  readonly keyIds: readonly number[];
}

/** @throws {RunError} when the length has no room for needles and question. */
export function niahSample(text: ModelText, { length, depth, index, seed = 0, decoys = 0 }: NiahRequest): NiahSample {
  const options = {
    depths: [depth],
    haystack: "prose",
    key: "digits:7",
    needles: 1,
    distractors: decoys,
    snap: "sentence",
    arm: "needle",
    raw: false,
    newTokens: 0,
  } as const;
  const count = { unit: "tokens", count: length } as const;
  const [sample] = niahSamples({ text, options, haystack: PROSE, length: count, seed, index });
  const prompt = assemble(text, sample!, {
    tokenise: "split",
    history: "golden",
    truncate: "refuse",
    contextLength: Infinity,
  });
  const [{ tail, expected }] = prompt.turns as [PromptTurn];
  return { key: sample!.turns[0]!.scoring.references[0]!, promptIds: [...prompt.head, ...tail], keyIds: expected };
}
