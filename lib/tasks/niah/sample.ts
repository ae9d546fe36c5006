/** A needle sample with its tokens, for callers that run one prompt by themselves. */
import type { ModelText } from "../../text/types.ts";
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
  const { context, chat, turns: [turn] } = sample!;
  const { question, answerPrefix, scoring: { references: [key] } } = turn!;
  const content = context + question;
  const prompt = (chat === "model" ? text.chat!.render([{ role: "user", content }]) : content) + answerPrefix;
  return { key: key!, ...splitIds(text, prompt, key!) };
}

/** Tokens of the prompt and of the key behind it, as they are when both are read together. */
function splitIds({ tokenizer }: ModelText, prompt: string, key: string): { promptIds: number[]; keyIds: number[] } {
  const alone = tokenizer.encode(prompt), together = tokenizer.encode(`${prompt} ${key}`);
  let split = 0;
  while (split < alone.length && alone[split] === together[split]) split++;
  return { promptIds: together.slice(0, split), keyIds: together.slice(split) };
}
